"""Image files as people have them, good and bad."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image

HEIGHT, WIDTH = 40, 60


def pixels(height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """A smooth picture, so that JPEG keeps it: uint8 [height, width, 3]."""
    rows, columns = np.mgrid[:height, :width] / max(height, width)
    waves = [np.sin(7 * rows + 3 * columns), np.cos(5 * columns), np.sin(9 * rows * columns + 1)]
    return np.rint(127.5 + 127.5 * np.stack(waves, axis=-1)).astype(np.uint8)


def encoded(image: np.ndarray | Image.Image, file_format: str, **options: Any) -> bytes:
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    written = io.BytesIO()
    picture.save(written, file_format, **options)
    return written.getvalue()


def rotated_jpeg(orientation: int) -> bytes:
    """A JPEG whose EXIF notes an orientation."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(pixels(), "JPEG", quality=95, exif=exif)


def png_claiming(width: int, height: int) -> bytes:
    """A PNG's header and the beginning of its pixels."""
    chunks = [b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0), b"IDAT" + zlib.compress(bytes(99))]
    lengths = [struct.pack(">I", len(chunk) - 4) for chunk in chunks]
    sums = [struct.pack(">I", zlib.crc32(chunk)) for chunk in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(b"".join(part) for part in zip(lengths, chunks, sums, strict=True))
