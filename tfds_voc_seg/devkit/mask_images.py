"""Takes the values of a mask out of an image that PIL opened.

TensorFlow's PNG decoder cannot be used: it returns the luminance of a palette's colours (147 for class 15 of VOC).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tfds_voc_seg.mask_values import MaskError, MaskValues

if TYPE_CHECKING:
    from PIL import Image

_LARGEST_VALUE = 2**16 - 1
_WITHOUT_ALPHA = {"PA": "P", "LA": "L", "RGBA": "RGB", "RGBX": "RGB"}


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
    if mode == "PA":  # PIL stores indices and alpha in two channels
        return MaskValues(np.asarray(image)[..., 0], _palette(image))
    if mode == "P":
        return MaskValues(np.asarray(image), _palette(image))
    if mode in ("LA", "RGBA", "RGBX"):
        return MaskValues(np.asarray(image.convert(_WITHOUT_ALPHA[mode])))
    if mode in ("L", "RGB"):
        return MaskValues(np.asarray(image))
    if mode.startswith("I"):  # 16 or 32 bits, in the byte order of the file
        values = np.asarray(image)
        if values.min() < 0 or values.max() > _LARGEST_VALUE:
            raise MaskError(
                f"contains the values {values.min()} to {values.max()}", f"ids of classes are 0 to {_LARGEST_VALUE:,}"
            )
        return MaskValues(values.astype(np.uint16))
    raise MaskError(f"is a mask in mode {mode}", "save it as a PNG with a palette, in grey (8 or 16 bits) or in RGB")


def _palette(image: Image.Image) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]] | None:
    colors = image.getpalette("RGB")
    return None if colors is None else np.array(colors, np.uint8).reshape(-1, 3)
