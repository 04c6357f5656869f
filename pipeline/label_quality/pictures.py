"""Writes the pictures of doubted masks: photo, mask, prediction, and where the two disagree."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from pipeline.report.example_pictures import difference
from tfds_voc_seg.pictures import CANVAS_COLOUR, classes_seen, enlarge, legend, overlay
from tfds_voc_seg.storage import short_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from pipeline.label_quality.ranking import ComparedMask, DoubtedMask, MaskRanking
    from tfds_voc_seg.label_set import LabelSet

_GAP = 8  # pixels between the panels


def write_pictures(ranking: MaskRanking, ranked: Mapping[str, Sequence[DoubtedMask]], output: Path) -> int:
    """Writes `<class>/<rank>_<split>_<image id>.png` for each mask of a ranking; reads one image at a time.

    Args:
        ranking: the masks and the model.
        ranked: class → its masks, the result of `MaskRanking.rank`.
        output: gets one folder per class.

    Returns:
        The number of pictures.

    Raises:
        OSError: a file cannot be written.
    """
    written = 0
    for class_name, masks in ranked.items():
        for rank, mask in enumerate(masks, start=1):
            compared = ranking.compare(mask.pair)
            if compared is None:
                continue  # the file was changed since it was ranked
            file = output / _file_name(class_name) / f"{rank:02d}_{mask.split}_{_file_name(mask.pair.image_id)}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            picture = mask_picture(compared, ranking.doubted(compared), ranking.channels)
            Image.fromarray(picture).save(file)
            written += 1
    return written


def mask_picture(compared: ComparedMask, doubted: NDArray[np.bool_], channels: LabelSet) -> NDArray[np.uint8]:
    """Draws four panels side by side, and a legend below them.

    The panels are the photo, the mask over the photo, the prediction over the photo, and the doubted pixels in red over
    a pale photo.

    Args:
        compared: the mask and the prediction.
        doubted: bool [height, width].
        channels: names and colours of the classes.

    Returns:
        uint8 [height', width', 3].
    """
    photo, truth, predicted = (enlarge(part) for part in (compared.photo, compared.truth, compared.predicted))
    where = enlarge(doubted.astype(np.uint8)).astype(bool)
    panels = [
        photo,
        overlay(photo, truth, channels),
        overlay(photo, predicted, channels),
        difference(photo, truth, np.where(where, predicted, truth)),
    ]
    gap = np.full((photo.shape[0], _GAP, 3), CANVAS_COLOUR, np.uint8)
    row = np.concatenate([part for panel in panels for part in (panel, gap)][:-1], axis=1)
    seen = {name for classes in (truth, predicted) for name in classes_seen(classes, channels.names)}
    names = [name for name in (*channels.names, "void") if name in seen]
    return np.concatenate([row, legend(names, row.shape[1], channels)])


def _file_name(text: str) -> str:
    """Replaces the characters of a name that cannot be in a file's name on every system, and shortens a long name."""
    return short_name(re.sub(r'[\\/:*?"<>|\s]+', "_", text))
