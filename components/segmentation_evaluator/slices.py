"""The slices of a split: features of an image for which TFMA computes separate metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfds_voc_seg.labels import VOID
from tfds_voc_seg.pixel_tables import value_counts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tfds_voc_seg.label_set import LabelSet

CLASS_PRESENT = "class present"
FOREGROUND_SHARE = "share of foreground"
IMAGE_SIZE = "image size"
SLICES = (CLASS_PRESENT, FOREGROUND_SHARE, IMAGE_SIZE)

_SHARES = ((0.05, "0 to 5 %"), (0.2, "5 to 20 %"), (0.5, "20 to 50 %"), (1.0, "over 50 %"))
"""Upper limits (inclusive) and names."""
_LONGER_SIDES = ((320, "up to 320 pixels"), (480, "321 to 480 pixels"))
_LARGEST = "over 480 pixels"


def foreground_share(classes: NDArray[np.uint8], channels: LabelSet) -> float:
    """Returns the share of the valid pixels that are not background; 0 if there is no valid pixel.

    Args:
        classes: uint8 [height, width], positions in the names of `channels`, and `VOID`.
        channels: the classes; without a background, all valid pixels are foreground.
    """
    return _foreground_share(value_counts(classes), channels)


def _foreground_share(counts: NDArray[np.int64], channels: LabelSet) -> float:
    valid = int(counts.sum() - counts[VOID])
    return int(counts[_foreground_positions(channels)].sum()) / valid if valid else 0.0


def _foreground_positions(channels: LabelSet) -> list[int]:
    return [position for position, name in enumerate(channels.names) if name != channels.background]


def slice_features(classes: NDArray[np.uint8], height: int, width: int, channels: LabelSet) -> dict[str, list[str]]:
    """Returns the slices that an image belongs to.

    Args:
        classes: uint8 [height, width], positions in the names of `channels`, and `VOID`.
        height: height of the original photo in pixels.
        width: width of the original photo in pixels.
        channels: the classes.

    Returns:
        Each feature of `SLICES` → its values: the foreground classes in the image, the range of the foreground share,
        and the range of the photo's longer side.
    """
    counts = value_counts(classes)
    present = [channels.names[position] for position in _foreground_positions(channels) if counts[position]]
    share = _foreground_share(counts, channels)
    return {
        CLASS_PRESENT: present,
        FOREGROUND_SHARE: [next(name for end, name in _SHARES if share <= end)],
        IMAGE_SIZE: [next((name for end, name in _LONGER_SIDES if max(height, width) <= end), _LARGEST)],
    }


def slice_values(channels: LabelSet) -> list[tuple[str, str]]:
    """Lists all possible slices as feature and value: classes in their order, shares and sizes in ascending order."""
    return [
        *((CLASS_PRESENT, name) for name in channels.foreground),
        *((FOREGROUND_SHARE, name) for _, name in _SHARES),
        *((IMAGE_SIZE, name) for _, name in _LONGER_SIDES),
        (IMAGE_SIZE, _LARGEST),
    ]
