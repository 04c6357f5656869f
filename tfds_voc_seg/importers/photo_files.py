"""Reads the headers of photos, and puts the photos into a devkit without encoding them again."""

from __future__ import annotations

import dataclasses
import io
import os
import shutil
import warnings
from typing import TYPE_CHECKING, Literal

from PIL import ExifTags, Image, ImageOps

from tfds_voc_seg.image_limits.header import ImageRefusedError
from tfds_voc_seg.image_limits.headers import JPEG_SIGNATURE, PNG_SIGNATURE
from tfds_voc_seg.image_limits.limits import PREDICTED_FORMATS, check_size
from tfds_voc_seg.image_limits.opening import open_image
from tfds_voc_seg.importers.files import is_file
from tfds_voc_seg.importers.source import ImageDropped

if TYPE_CHECKING:
    from pathlib import Path

PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp")
"""Endings of photos in a source, in lower case."""

_KEPT_FORMATS = {"JPEG": ".jpg", "MPO": ".jpg", "PNG": ".png"}  # MPO: a JPEG followed by more images, from phones
_SIGNATURE_BYTES = 8
_TURNED = (5, 6, 7, 8)  # EXIF orientations that exchange height and width

Placement = Literal["linked", "copied", "converted"]


@dataclasses.dataclass(frozen=True)
class PhotoFile:
    """A photo's file.

    Attributes:
        path: the file, links resolved.
        size: height and width of the upright photo in pixels.
        suffix: the ending for its format; `None` for a format that the pipeline does not read.
        turned: whether the stored photo lies on its side and EXIF says so.
    """

    path: Path
    size: tuple[int, int]
    suffix: str | None
    turned: bool


def open_checked(file: Path | io.BytesIO) -> Image.Image:
    """Opens an image after checking its format and size; decodes nothing yet.

    Raises:
        ImageDropped: it cannot be opened, or must not be decoded.
    """
    try:
        return open_image(file.read() if isinstance(file, io.BytesIO) else file.read_bytes(), PREDICTED_FORMATS)
    except Exception as error:  # PIL's plugins raise different types for damaged headers
        raise _dropped(file, error) from error


def _dropped(file: Path | io.BytesIO, error: Exception) -> ImageDropped:
    return ImageDropped("image cannot be read", f"{file}{'' if isinstance(error, ImageRefusedError) else ':'} {error}")


def _open_header(file: Path) -> Image.Image:
    """Opens a photo for its header: of a JPEG or PNG, which is not decoded here, no more is read."""
    try:
        with file.open("rb") as opened:
            start = opened.read(_SIGNATURE_BYTES)
    except OSError as error:
        raise _dropped(file, error) from error
    if not start.startswith((JPEG_SIGNATURE, PNG_SIGNATURE)):
        return open_checked(file)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(file, formats=["JPEG", "PNG"])
        check_size(image.width, image.height)
    except Exception as error:  # PIL's plugins raise different types for damaged headers
        raise _dropped(file, error) from error
    return image


def inspect_photo(file: Path) -> PhotoFile:
    """Reads the format and size of a photo from its header.

    Raises:
        ImageDropped: the photo is missing, cannot be read or has too many pixels.
    """
    if not is_file(file):
        raise ImageDropped("no photo", str(file))
    with _open_header(file) as image:
        # Only what stands before the pixels counts; PIL would decode a PNG to look behind them.
        before_pixels = image.format in ("JPEG", "MPO") or "exif" in image.info
        turned = before_pixels and image.getexif().get(ExifTags.Base.Orientation) in _TURNED
        size = (image.width, image.height) if turned else (image.height, image.width)
        return PhotoFile(file.resolve(), size, _KEPT_FORMATS.get(image.format or ""), turned)


def place_photo(photo: PhotoFile, folder: Path, image_id: str, *, copy: bool) -> Placement:
    """Puts a photo into a folder under the image's id.

    A JPEG or PNG becomes a hard link, or a copy if `copy` is set or the file system does not allow the link. Any other
    format is converted to PNG, upright.

    Raises:
        ImageDropped: a photo that must be converted cannot be decoded.
        OSError: the photo cannot be written.
    """
    if photo.suffix is None:
        _convert(photo.path, folder / f"{image_id}.png")
        return "converted"
    target = folder / f"{image_id}{photo.suffix}"
    if not copy:
        try:
            os.link(photo.path, target)
        except OSError:  # another file system, or one without links
            pass
        else:
            return "linked"
    shutil.copyfile(photo.path, target)
    return "copied"


def _convert(source: Path, target: Path) -> None:
    with open_checked(source) as image:
        try:
            converted = ImageOps.exif_transpose(image).convert("RGB")
        except Exception as error:  # PIL's plugins raise different types for damaged images
            raise ImageDropped("image cannot be read", f"{source}: {error}") from error
        converted.save(target)
