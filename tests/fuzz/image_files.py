"""Writes image files of zeros from their parts: no large image is ever encoded, so that thousands take seconds."""

from __future__ import annotations

import functools
import itertools
import struct
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LARGEST_FILE = 20_000_000
"""Bytes; the bound of memory and time is for files up to this size."""

_HEADERS = 1_000  # bytes, at most

_SEGMENT = 1 << 20
_ONE_CODE = bytes([1, *([0] * 15)])  # a Huffman table of one code, of one bit


@functools.cache
def _deflated_segment() -> bytes:
    """A mebibyte of zeros as deflate blocks that can be repeated."""
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    return deflater.compress(bytes(_SEGMENT)) + deflater.flush(zlib.Z_FULL_FLUSH)


@functools.lru_cache(maxsize=1)
def _deflated_beginning(content: bytes) -> bytes:
    deflater = zlib.compressobj(1, zlib.DEFLATED, -15)
    return deflater.compress(content) + deflater.flush(zlib.Z_FULL_FLUSH)


def deflated(content: bytes, zeros: int = 0, limit: int = LARGEST_FILE - _HEADERS) -> bytes:
    """Returns a zlib stream of some bytes and a number of zeros after them, cut at `limit` bytes."""
    whole, rest = divmod(zeros, _SEGMENT)
    head, end = _deflated_beginning(content), zlib.compressobj(9, zlib.DEFLATED, -15)
    tail = end.compress(bytes(rest)) + end.flush()
    segments = min(whole, limit // len(_deflated_segment()) + 1)
    sums, first = divmod(zlib.adler32(content), 1 << 16)
    checksum = struct.pack(">HH", (sums + zeros * first) % 65_521, first)
    return (b"\x78\xda" + head + _deflated_segment() * segments + tail + checksum)[:limit]


def zeros_deflated(count: int, limit: int = LARGEST_FILE - _HEADERS) -> bytes:
    """Returns a zlib stream of `count` zeros, cut at `limit` bytes."""
    return deflated(b"", count, limit)


PNG_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Samples per pixel, by colour type."""


def png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(
    size: tuple[int, int],
    bits: int = 8,
    colour: int = 2,
    *,
    interlaced: bool = False,
    before: bytes = b"",
    pixels: bytes | None = None,
    after: bytes = b"",
) -> bytes:
    """Returns a PNG of zeros; `before` and `after` are chunks around its pixels."""
    width, height = size
    samples = PNG_SAMPLES[colour]
    if pixels is None:
        pixels = zeros_deflated(height * (1 + (width * bits * samples + 7) // 8) + 9 * height * interlaced)
    palette = png_chunk(b"PLTE", bytes(768)) if colour == 3 else b""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlaced))
    chunks = header + palette + before + png_chunk(b"IDAT", pixels) + after + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def _segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def _bits(bits: str) -> bytes:
    """Packs bits as the coded data of a JPEG: padded with ones, a zero byte after each 255."""
    padded = bits + "1" * (-len(bits) % 8)
    return int(padded or "0", 2).to_bytes(len(padded) // 8).replace(b"\xff", b"\xff\0")


def exif(orientation: int) -> bytes:
    """Returns an EXIF block with an orientation alone."""
    return b"MM\0*" + struct.pack(">IHHHIHxxI", 8, 1, 0x0112, 3, 1, orientation, 0)


def jpeg(
    size: tuple[int, int], *, scans: int = 1, progressive: bool = False, components: int = 3, orientation: int = 1
) -> bytes:
    """Returns a JPEG of grey pixels; a progressive one repeats the shortest scan that visits every block."""
    width, height = (min(side, 65_500) for side in size)  # libjpeg's largest
    blocks = -(-width // 8) * -(-height // 8)
    numbers = range(1, components + 1)
    frame = struct.pack(">BHHB", 8, height, width, components) + b"".join(bytes([i, 0x11, 0]) for i in numbers)
    run_length = 0xE0 if progressive else 0  # a code for the longest run of empty blocks, or for one empty block
    tables = _segment(0xDB, bytes([0]) + b"\x01" * 64)
    tables += _segment(0xC4, b"\x00" + _ONE_CODE + b"\0") + _segment(0xC4, b"\x10" + _ONE_CODE + bytes([run_length]))
    if orientation != 1:
        tables = _segment(0xE1, b"Exif\0\0" + exif(orientation)) + tables
    all_of = bytes([components]) + b"".join(bytes([i, 0]) for i in numbers)
    first = _segment(0xDA, all_of + (b"\0\0\0" if progressive else b"\0\x3f\0"))
    first += bytes(-(-blocks * components * (1 if progressive else 2) // 8))
    scanned = b"".join(itertools.islice(_empty_scans(blocks, numbers), scans - 1))
    marker = 0xC2 if progressive else 0xC0
    return (b"\xff\xd8" + tables + _segment(marker, frame) + first + scanned)[: LARGEST_FILE - _HEADERS] + b"\xff\xd9"


def with_more_scans(progressive_jpeg: bytes, size: tuple[int, int], scans: int) -> bytes:
    """Adds scans that visit every block of the first component of a JPEG and change nothing."""
    blocks = -(-size[0] // 8) * -(-size[1] // 8)
    table = _segment(0xC4, b"\x10" + _ONE_CODE + b"\xe0")
    more = itertools.islice(_empty_scans(blocks, [1]), scans)
    return progressive_jpeg[:-2] + table + b"".join(more) + b"\xff\xd9"


def _empty_scans(blocks: int, components: Iterable[int]) -> Iterator[bytes]:
    pixels = _bits(("0" + "1" * 14) * -(-blocks // 32_767))
    return (_segment(0xDA, bytes([1, number, 0, 1, 63, 0])) + pixels for number in itertools.cycle(components))


def _blocks(content: bytes) -> bytes:
    parts = (content[start : start + 255] for start in range(0, len(content), 255))
    return b"".join(bytes([len(part)]) + part for part in parts) + b"\0"


@functools.lru_cache(maxsize=32)
def _lzw_zeros(count: int) -> bytes:
    """Returns GIF's code of `count` zeros: each code stands for one zero more than the last one, up to 4,095 codes."""
    number, filled, width, code, length, left = 0b100, 3, 3, 6, 1, count
    value, out = 0, bytearray()
    while left > 0:
        length = min(code - 5, left)
        value = 0 if length == 1 else min(code - 1, 4 + length) if length > 1 else 0
        number |= value << filled
        filled += width
        left -= length
        code = min(code + 1, 4_096)
        width = max(width, min(12, (code - 1).bit_length()))
        if filled >= 4_096:
            out += (number & ((1 << 4_096) - 1)).to_bytes(512, "little")
            number, filled = number >> 4_096, filled - 4_096
    number |= 5 << filled
    return bytes(out) + number.to_bytes(-(-(filled + width) // 8), "little")


def gif(screen: tuple[int, int], frames: list[tuple[int, int]], *, coded: bool = True) -> bytes:
    """Returns a GIF of zeros with frames of these sizes."""
    content = b"GIF89a" + struct.pack("<HHBBB", *(min(side, 65_535) for side in screen), 0x81, 0, 0) + bytes(12)
    for width, height in frames:
        width, height = min(width, 65_535), min(height, 65_535)
        pixels = _lzw_zeros(min(width * height, 60_000_000)) if coded else b"\x04"
        content += b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02" + _blocks(pixels)
    return content[: LARGEST_FILE - _HEADERS] + b";"


def bmp(size: tuple[int, int], bits: int = 24) -> bytes:
    width, height = size
    data = bytes(min((width * bits + 31) // 32 * 4 * abs(height), LARGEST_FILE - _HEADERS))
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, 0, len(data), 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + len(data), 0, 0, 54) + info + data


def webp(size: tuple[int, int]) -> bytes:
    """Returns a WebP that claims a canvas and a lossless frame of this size."""
    width, height = (min(side, 16_383) - 1 for side in size)
    lossless = b"\x2f" + struct.pack("<I", width | height << 14) + bytes(64)
    canvas = bytes(4) + width.to_bytes(3, "little") + height.to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<I", 10) + canvas + b"VP8L" + struct.pack("<I", len(lossless)) + lossless + b"\0"
    return b"RIFF" + struct.pack("<I", len(body)) + body


def tiff(
    size: tuple[int, int], *, compression: int = 8, samples: int = 3, bits: int = 8, tile: int = 0, order: str = "<"
) -> bytes:
    """Returns a TIFF of zeros in one strip, or one that claims tiles of a size."""
    width, height = size
    data = zeros_deflated(width * height * samples * bits // 8) if compression == 8 else bytes(1000)
    tags = [(256, 4, width), (257, 4, height), (258, 3, bits), (259, 3, compression), (262, 3, 2 if samples > 2 else 1)]
    tags += [(322, 4, tile), (323, 4, tile), (324, 4, 8), (325, 4, len(data))] if tile else []
    tags += [(277, 3, samples)] if tile else [(273, 4, 8), (277, 3, samples), (278, 4, height), (279, 4, len(data))]
    entries = b"".join(
        struct.pack(f"{order}HHI", tag, kind, 1) + struct.pack(f"{order}{'I' if kind == 4 else 'Hxx'}", value)
        for tag, kind, value in sorted(tags)
    )
    directory = struct.pack(f"{order}H", len(tags)) + entries + bytes(4)
    return (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 8 + len(data)) + data + directory
