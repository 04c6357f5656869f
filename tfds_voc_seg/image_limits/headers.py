"""Reads the headers of image files in pure Python, without decoding anything.

Sources: JPEG, ITU-T T.81, annex B. PNG, W3C "Portable Network Graphics (PNG) Specification (Third Edition)", 5 and 11.
GIF, CompuServe "Graphics Interchange Format, Version 89a". BMP, Microsoft, BITMAPCOREHEADER and BITMAPINFOHEADER.
WebP, RFC 9649.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

from tfds_voc_seg.image_limits.header import ImageHeader, ImageRefusedError
from tfds_voc_seg.image_limits.tiff import tiff_header

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

JPEG_SIGNATURE, PNG_SIGNATURE = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"

MAX_PARTS = 100_000
"""Segments of a JPEG before its pixels, or chunks of a PNG, that are read at most."""
MAX_PNG_TEXTS = 32
"""Compressed texts and profiles in a PNG; libpng inflates each to up to 8 MB and keeps it."""
MAX_SURPLUS = 1 << 20
"""Bytes that the pixels of a PNG may inflate to beyond those that its size needs; decoders inflate all of them."""

MAX_GIF_EXTENSIONS = 1 << 20
"""Bytes of comments and other extensions before the first frame; PIL takes time with their square."""

_COMPRESSED_TEXTS = (b"zTXt", b"iTXt", b"iCCP")
_PNG_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # per pixel, by colour type
_LARGEST_PNG_SIDE = 2**31 - 1
_SMALL_IDAT = 1 << 20  # bytes; what so few bytes inflate to takes TensorFlow 1.7 s at most
_INFLATED_AT_MOST = 1 << 29  # bytes; larger images are refused for their size
_JPEG_WITHOUT_LENGTH = (0x01, *range(0xD0, 0xD8))
_JPEG_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_JPEG_ONE_PASS = (0xC0, 0xC1, 0xC3, 0xC9, 0xCB)
_JPEG_EOI, _JPEG_SOS = 0xD9, 0xDA
_TOO_MANY_PARTS = ImageRefusedError(f"has more than {MAX_PARTS:,} parts before its pixels", "save it again")


def read_header(content: bytes) -> ImageHeader | None:
    """Reads the header of an image file.

    Args:
        content: the file's bytes.

    Returns:
        `None` if the file has another format than JPEG, PNG, GIF, BMP, WebP and TIFF, or ends before the image's size.

    Raises:
        ImageRefusedError: the header has too many parts, or its parts unpack to more than an image needs.
    """
    reader = next((reader for signature, reader in _READERS if content.startswith(signature)), None)
    try:
        return reader(content) if reader else None
    except (struct.error, IndexError):  # the file ends inside of its header
        return None


def _jpeg(content: bytes) -> ImageHeader | None:
    """Finds the frame header as libjpeg does: whatever stands between two segments is skipped."""
    size: tuple[int, int] | None = None
    one_pass, samples, position = True, 0, 2
    for _ in range(MAX_PARTS):
        position = content.find(b"\xff", position) % (len(content) + 1)  # beyond the end if there is none
        while content[position] == 0xFF:
            position += 1
        marker, position = content[position], position + 1
        if marker == _JPEG_EOI:
            return None
        if marker == 0 or marker in _JPEG_WITHOUT_LENGTH:
            continue
        if marker in _JPEG_FRAMES:
            height, width, samples = struct.unpack_from(">HHB", content, position + 3)
            size, one_pass = (width, height), marker in _JPEG_ONE_PASS
        if marker == _JPEG_SOS:
            break
        position += max(2, struct.unpack_from(">H", content, position)[0])
    else:
        raise _TOO_MANY_PARTS
    if size is None:
        return None
    scans = content.count(b"\xff\xda", position - 2)
    # Between the scans of an image in several passes libjpeg holds all coefficients, 16 bits each.
    return ImageHeader("JPEG", *size, scans=scans, pixel_bytes=0 if one_pass and scans == 1 else 2 * samples)


def _png(content: bytes) -> ImageHeader | None:
    width, height, bits, colour = struct.unpack_from(">IIBB", content, 16)
    if content[12:16] != b"IHDR" or max(width, height) > _LARGEST_PNG_SIDE:
        return None
    chunks = list(_png_chunks(content))
    if len(chunks) > MAX_PARTS:
        raise _TOO_MANY_PARTS
    texts = sum(kind in _COMPRESSED_TEXTS for kind, _, _ in chunks)
    if texts > MAX_PNG_TEXTS:
        raise ImageRefusedError(
            f"contains {texts} compressed texts or profiles, and {MAX_PNG_TEXTS} are allowed", "save it without them"
        )
    needed = height * (1 + (width * bits * _PNG_SAMPLES.get(colour, 4) + 7) // 8) + 16 * height
    pixels = [(start, length) for kind, start, length in chunks if kind == b"IDAT"]
    if sum(length for _, length in pixels) > _SMALL_IDAT and needed <= _INFLATED_AT_MOST:
        _refuse_surplus(content, pixels, needed + MAX_SURPLUS)
    transparent = colour in (4, 6) or any(kind == b"tRNS" for kind, _, _ in chunks)
    return ImageHeader("PNG", width, height, pixel_bytes=6 if transparent else 0)


def _png_chunks(content: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yields type, place and length of each chunk's content."""
    position = 8
    for _ in range(MAX_PARTS + 1):
        if position + 8 > len(content):
            return
        length = int.from_bytes(content[position : position + 4])
        yield content[position + 4 : position + 8], position + 8, length
        position += 12 + length


def _refuse_surplus(content: bytes, pixels: list[tuple[int, int]], allowed: int) -> None:
    """Inflates the pixels of a PNG piece by piece, as far as its size allows."""
    inflater, inflated = zlib.decompressobj(), 0
    for start, length in pixels:
        compressed = content[start : start + length]
        while compressed and not inflater.eof:
            try:
                inflated += len(inflater.decompress(compressed, MAX_SURPLUS))
            except zlib.error:  # the decoder stops there as well
                return
            if inflated > allowed:
                raise ImageRefusedError("contains more data than its size needs", "save it again")
            compressed = inflater.unconsumed_tail


def _gif(content: bytes) -> ImageHeader | None:
    """Finds the first frame and its end: decoders unpack all frames, even if one is used."""
    width, height, flags = struct.unpack_from("<HHB", content, 6)
    position = 13 + _gif_colours(flags)
    start, position = position, _gif_extensions_end(content, position)
    if position - start > MAX_GIF_EXTENSIONS:
        raise ImageRefusedError(f"has {position - start:,} bytes of comments before its first frame", "save it again")
    if content[position : position + 1] != b",":
        return None
    left, top, frame_width, frame_height, flags = struct.unpack_from("<HHHHB", content, position + 1)
    end = _gif_blocks_end(content, position + 10 + _gif_colours(flags) + 1)
    screen = max(width, left + frame_width), max(height, top + frame_height)  # as PIL enlarges it
    following = _gif_extensions_end(content, end)
    animated = content[following : following + 1] == b","
    return ImageHeader("GIF", *screen, frame=(frame_width, frame_height), pixel_bytes=1, animated=animated, end=end)


def _gif_extensions_end(content: bytes, position: int) -> int:
    while content[position : position + 1] == b"!":
        position = _gif_blocks_end(content, position + 2)
    return position


def _gif_colours(flags: int) -> int:
    """Returns the bytes of a colour table."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _gif_blocks_end(content: bytes, position: int) -> int:
    """Returns the place behind a series of blocks, which an empty block ends."""
    while content[position : position + 1] not in (b"\0", b""):
        position += 1 + content[position]
    return position + 1


def _bmp(content: bytes) -> ImageHeader | None:
    core = struct.unpack_from("<I", content, 14)[0] == 12
    width, height, _, bits = struct.unpack_from("<HHHH" if core else "<iiHH", content, 18)
    return ImageHeader("BMP", abs(width), abs(height), pixel_bytes=max(0, bits // 8 - 3))


def _webp(content: bytes) -> ImageHeader | None:
    kind = content[12:16]
    if content[8:12] != b"WEBP":
        return None
    if kind == b"VP8X":
        width, height = (int.from_bytes(content[place : place + 3], "little") + 1 for place in (24, 27))
    elif kind == b"VP8L":
        bits = struct.unpack_from("<I", content, 21)[0]
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    elif kind == b"VP8 ":
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", content, 26))
    else:
        return None
    return ImageHeader("WEBP", width, height, pixel_bytes=12)  # two canvases and the frame, four bytes each


_READERS: tuple[tuple[bytes, Callable[[bytes], ImageHeader | None]], ...] = (
    (JPEG_SIGNATURE, _jpeg),
    (PNG_SIGNATURE, _png),
    (b"GIF8", _gif),
    (b"BM", _bmp),
    (b"RIFF", _webp),
    (b"II", tiff_header),
    (b"MM", tiff_header),
)
