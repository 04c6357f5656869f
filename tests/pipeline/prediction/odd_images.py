"""Image files in several formats, valid and invalid."""

from __future__ import annotations

import io
import struct
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

HEIGHT, WIDTH = 40, 60


def pixels(height: int = HEIGHT, width: int = WIDTH) -> NDArray[np.uint8]:
    """Returns a smooth picture, which JPEG changes little: uint8 [height, width, 3]."""
    rows, columns = np.mgrid[:height, :width] / max(height, width)
    waves = [np.sin(7 * rows + 3 * columns), np.cos(5 * columns), np.sin(9 * rows * columns + 1)]
    return np.rint(127.5 + 127.5 * np.stack(waves, axis=-1)).astype(np.uint8)


def encoded(image: NDArray[Any] | Image.Image, file_format: str, **options: Any) -> bytes:
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    written = io.BytesIO()
    picture.save(written, file_format, **options)
    return written.getvalue()


def rotated_jpeg(orientation: int) -> bytes:
    """Returns a JPEG with an orientation in its EXIF data."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(pixels(), "JPEG", quality=95, exif=exif)


def png_header(width: int, height: int) -> bytes:
    """Returns a PNG's header and the beginning of its pixels."""
    chunks = [b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0), b"IDAT" + zlib.compress(bytes(99))]
    lengths = [struct.pack(">I", len(chunk) - 4) for chunk in chunks]
    sums = [struct.pack(">I", zlib.crc32(chunk)) for chunk in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(b"".join(part) for part in zip(lengths, chunks, sums, strict=True))
