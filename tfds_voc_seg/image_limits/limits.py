"""Decides from a file's bytes whether an image is decoded, and what decoding it costs. Needs no TensorFlow.

The costs are upper bounds that were measured with TensorFlow 2.21 and PIL 12.3, see `tests/fuzz`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfds_voc_seg.image_limits.header import ImageHeader, ImageRefusedError, UnknownFormatError
from tfds_voc_seg.image_limits.headers import read_header

if TYPE_CHECKING:
    from collections.abc import Collection

MAX_PIXELS = 51_000_000
"""Width times height: the photos of cameras with 50 megapixels (8,688 × 5,792 are 50.3 million), far above VOC's."""
MAX_PIXELS_OF_LARGE_FILES = 178_000_000
"""Width times height in `vocseg predict` and the demo if the file has more than `LARGE_FILE` bytes, so is no bomb."""
LARGE_FILE = 20 << 20
MAX_SIDE = 30_000
"""Pixels, the limit of Photoshop's own format, so of most panoramas. Resizing holds the width times the result's height
as 32-bit floats, however few pixels the image has: 103 MiB for a network of 300 pixels."""
MAX_DECODING_BYTES = 800 << 20
"""Memory that decoding an image to RGB may take."""
MAX_SCANNED_PIXELS = 1_000_000_000
"""Pixels times scans of a JPEG: each scan goes over all pixels again, even if it is a few bytes long. 51 million pixels
may have 19 scans; libjpeg writes 10."""
MAX_SCANS = 1000
MAX_COEFFICIENTS = 180_000_000
"""Pixels times channels of a JPEG in several scans, between which libjpeg holds 16 bits for each: 45 million pixels in
CMYK. Pixels in RGB are limited by `MAX_PIXELS`."""

PHOTO_FORMATS = ("JPEG", "PNG", "GIF", "BMP")
"""PIL's names of the formats of photos in a devkit and in requests, which TensorFlow decodes."""
PREDICTED_FORMATS = (*PHOTO_FORMATS, "WEBP", "TIFF")
"""PIL's names of the formats that `vocseg predict` and the demo also read."""
MASK_FORMATS = ("PNG", "GIF", "BMP", "TIFF", "JPEG")
"""PIL's names of the formats of masks; a JPEG is then refused, because its values are not exact."""

_RGB = 3
_RESIZED_FLOATS = 1 << 26  # per channel, between the two steps of resizing: 768 MiB for three channels
_TURNED = 2 * _RGB  # the photo upright, and once more between turning and mirroring
_BY_PIL = 20  # bytes per pixel: PIL's image, converted to RGB, upright, and copied to an array


def check_image(
    content: bytes,
    formats: Collection[str] = PHOTO_FORMATS,
    max_pixels: int = MAX_PIXELS,
    max_side: int = MAX_SIDE,
) -> ImageHeader:
    """Checks that an image may be decoded: format, size, and the memory and time that decoding takes.

    Args:
        content: the file's bytes.
        formats: PIL's names of the allowed formats.
        max_pixels: width times height; the memory and the scans that are allowed grow with it.
        max_side: pixels of a side, see `longest_side`.

    Raises:
        ImageRefusedError: the image must not be decoded.
    """
    header = read_header(content)
    if header is None or header.format not in formats:
        raise UnknownFormatError("is not an image in a supported format", f"supported are {', '.join(formats)}")
    check_size(header.width, header.height, max_pixels, max_side)
    if header.frame:
        check_size(*header.frame, max_pixels, max_side)
    scanned = header.scans * header.width * header.height
    if header.scans > MAX_SCANS or scanned > MAX_SCANNED_PIXELS * max_pixels // MAX_PIXELS:
        raise ImageRefusedError(f"is a JPEG with {header.scans:,} scans", "save it again")
    if header.format == "JPEG" and header.pixel_bytes * header.width * header.height > (
        2 * MAX_COEFFICIENTS * max_pixels // MAX_PIXELS
    ):
        raise ImageRefusedError("is a JPEG in several scans with more than three channels", "save it in RGB")
    needed = decoding_bytes(header)
    allowed = MAX_DECODING_BYTES * max_pixels // MAX_PIXELS
    if needed > allowed:
        raise ImageRefusedError(
            f"needs {needed >> 20:,} MiB of memory, and {allowed >> 20:,} MiB are allowed",
            "make it smaller, or save it as a JPEG",
        )
    return header


def check_predicted_image(content: bytes, max_side: int = MAX_SIDE) -> ImageHeader:
    """Checks an image as `check_image` does, by what `vocseg predict` and the demo accept.

    Raises:
        ImageRefusedError: the image must not be decoded.
    """
    return check_image(content, PREDICTED_FORMATS, max_predicted_pixels(content), max_side)


def max_predicted_pixels(content: bytes) -> int:
    """Returns the largest number of pixels of an image in `vocseg predict` and the demo."""
    return MAX_PIXELS_OF_LARGE_FILES if len(content) > LARGE_FILE else MAX_PIXELS


def check_size(width: int, height: int, max_pixels: int = MAX_PIXELS, max_side: int = MAX_SIDE) -> None:
    """Checks the size of an image, in pixels.

    Raises:
        ImageRefusedError: the image has too many pixels, or a side is too long.
    """
    if width * height > max_pixels:
        raise ImageRefusedError(f"has more than {max_pixels:,} pixels", "if this is a valid image, make it smaller")
    if max(width, height) > max_side:
        raise ImageRefusedError(
            f"is {width:,} × {height:,} pixels, and a side may have {max_side:,}",
            "if this is a valid image, make it smaller or cut it into parts",
        )


def longest_side(size: int) -> int:
    """Returns the pixels that a side of an image may have which is resized to a square of `size` × `size` pixels."""
    return min(MAX_SIDE, _RESIZED_FLOATS // size)


def decoding_bytes(header: ImageHeader) -> int:
    """Returns the memory that decoding an image to RGB takes at most, in bytes; without the file's own bytes.

    Args:
        header: the result of `check_image`.
    """
    width, height = header.frame or (header.width, header.height)
    by_decoder = max(_RGB + header.pixel_bytes, _RGB + _TURNED) if header.format in PHOTO_FORMATS else 0
    return width * height * (by_decoder or _BY_PIL + header.pixel_bytes)
