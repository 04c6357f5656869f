"""Takes the values of a mask out of an image that PIL opened.

TensorFlow's PNG decoder cannot be used: it returns the luminance of a palette's colours (147 for class 15 of VOC).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tfds_voc_seg.mask_values import MaskError, MaskValues
from tfds_voc_seg.pixel_tables import PIXELS_AT_ONCE

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

_LARGEST_VALUE = 2**16 - 1


def mask_values(image: Image.Image) -> MaskValues:
    """Decodes a mask.

    Args:
        image: a palette image, a grey image of 1, 8 or 16 bits, or an RGB image; an alpha channel is ignored.

    Raises:
        MaskError: the image has another mode, or is a JPEG, whose values are not exact.
        OSError: the file is damaged.
    """
    if image.format in ("JPEG", "MPO"):
        raise MaskError("is a JPEG, whose compression changes values", "restore the mask as a PNG")
    mode = image.mode
    if mode == "1":
        return MaskValues(np.asarray(image, np.uint8), one_bit=True)
    if mode in ("P", "PA"):  # PIL stores indices and alpha in two channels
        return MaskValues(_pixels(image, 1)[..., 0], _palette(image))
    if mode in ("L", "LA"):
        return MaskValues(_pixels(image, 1)[..., 0])
    if mode in ("RGB", "RGBA", "RGBX"):
        return MaskValues(_pixels(image, 3))
    if mode.startswith("I"):  # 16 or 32 bits, in the byte order of the file
        values = np.asarray(image)
        if values.min() < 0 or values.max() > _LARGEST_VALUE:
            raise MaskError(
                f"contains the values {values.min()} to {values.max()}", f"ids of classes are 0 to {_LARGEST_VALUE:,}"
            )
        return MaskValues(values.astype(np.uint16))
    raise MaskError(f"is a mask in mode {mode}", "save it as a PNG with a palette, in grey (8 or 16 bits) or in RGB")


def _pixels(image: Image.Image, channels: int) -> NDArray[np.uint8]:
    """Copies the first channels of an image part by part, because PIL would hold all pixels three times.

    Returns:
        uint8 [height, width, channels].
    """
    width, height = image.size
    pixels = np.empty((height, width, channels), np.uint8)
    step = max(1, PIXELS_AT_ONCE // width)
    for top in range(0, height, step):
        part = image.crop((0, top, width, min(top + step, height)))
        pixels[top : top + step] = np.asarray(part).reshape(part.height, width, -1)[..., :channels]
    return pixels


def _palette(image: Image.Image) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]] | None:
    colors = image.getpalette("RGB")
    return None if colors is None else np.array(colors, np.uint8).reshape(-1, 3)
