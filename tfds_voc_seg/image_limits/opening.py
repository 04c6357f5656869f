"""Opens checked images with PIL, with the plugin of their format alone."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING

from PIL import Image, UnidentifiedImageError

from tfds_voc_seg.image_limits.header import ImageRefusedError
from tfds_voc_seg.image_limits.limits import MAX_PIXELS, check_image

if TYPE_CHECKING:
    from collections.abc import Collection


def open_image(content: bytes, formats: Collection[str], max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Checks an image and opens it; PIL decodes it on first use.

    Args:
        content: the file's bytes.
        formats: PIL's names of the allowed formats.
        max_pixels: as for `check_image`.

    Raises:
        ImageRefusedError: the image must not be decoded.
        Exception: the file is damaged; PIL's plugins raise different types.
    """
    header = check_image(content, formats, max_pixels)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about metadata that PIL cannot read
            return Image.open(io.BytesIO(content), formats=[header.format])
    except UnidentifiedImageError as error:
        raise ImageRefusedError("is damaged: its header cannot be read", "restore the file") from error
