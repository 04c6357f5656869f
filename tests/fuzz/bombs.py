"""Image files that are small and unpack to much: every format × sides × frames × scans × depth × truncation.

The files are put together from their parts; no large image is ever encoded, so that thousands take seconds.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import struct
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SIDES = (
    (1, 1),
    (500, 375),
    (30_000, 1),
    (1, 30_000),
    (65_536, 700),
    (1_000_000, 1),
    (1, 1_000_000),
    (20_000_000, 1),
    (7_142, 7_142),
    (25_000, 25_000),
    (60_000, 60_000),
    (2_147_483_647, 2_147_483_647),
)
"""Width and height: ordinary, as long as allowed, and beyond the limits."""

LARGEST = ((7_141, 7_141), (30_000, 1_700), (1_700, 30_000), (8_688, 5_792))
"""Width and height of images that are allowed and take the most memory; few, because each takes seconds."""

PNG_KINDS = ((8, 0), (8, 2), (8, 3), (8, 6), (16, 2), (16, 6), (1, 0), (8, 4))
"""Bits per sample and colour type."""

_SEGMENT = 1 << 20
_LARGEST_FILE = 20 * 2**20


@dataclasses.dataclass(frozen=True)
class Bomb:
    """A generated file.

    Attributes:
        name: what it is.
        content: the file.
        size: width and height that it claims.
    """

    name: str
    content: bytes
    size: tuple[int, int]


@functools.cache
def _deflated_segment() -> bytes:
    """A mebibyte of zeros as deflate blocks that can be repeated."""
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    return deflater.compress(bytes(_SEGMENT)) + deflater.flush(zlib.Z_FULL_FLUSH)


def zeros_deflated(count: int, limit: int = _LARGEST_FILE) -> bytes:
    """Returns a zlib stream of `count` zeros, cut at `limit` bytes."""
    whole, rest = divmod(count, _SEGMENT)
    end = zlib.compressobj(9, zlib.DEFLATED, -15)
    tail = end.compress(bytes(rest)) + end.flush()
    segments = min(whole, limit // len(_deflated_segment()) + 1)
    checksum = struct.pack(">HH", count % 65_521, 1)
    return (b"\x78\xda" + _deflated_segment() * segments + tail + checksum)[:limit]


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
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
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


def jpeg(size: tuple[int, int], *, scans: int = 1, progressive: bool = False, components: int = 3) -> bytes:
    """Returns a JPEG of grey pixels; a progressive one repeats the shortest scan that visits every block."""
    width, height = (min(side, 65_500) for side in size)  # libjpeg's largest
    blocks = -(-width // 8) * -(-height // 8)
    numbers = range(1, components + 1)
    frame = struct.pack(">BHHB", 8, height, width, components) + b"".join(bytes([i, 0x11, 0]) for i in numbers)
    one_code = bytes([1, *([0] * 15)])
    run_length = 0xE0 if progressive else 0  # a code for the longest run of empty blocks, or for one empty block
    tables = _segment(0xDB, bytes([0]) + b"\x01" * 64)
    tables += _segment(0xC4, b"\x00" + one_code + b"\0") + _segment(0xC4, b"\x10" + one_code + bytes([run_length]))
    all_of = bytes([components]) + b"".join(bytes([i, 0]) for i in numbers)
    first = _segment(0xDA, all_of + (b"\0\0\0" if progressive else b"\0\x3f\0"))
    first += bytes(-(-blocks * components * (1 if progressive else 2) // 8))
    again = _bits(("0" + "1" * 14) * -(-blocks // 32_767))
    more = (_segment(0xDA, bytes([1, i, 0, 1, 63, 0])) + again for i in itertools.cycle(numbers))
    scanned = b"".join(itertools.islice(more, scans - 1))
    marker = 0xC2 if progressive else 0xC0
    return (b"\xff\xd8" + tables + _segment(marker, frame) + first + scanned)[: _LARGEST_FILE - 2] + b"\xff\xd9"


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
    return content[:_LARGEST_FILE] + b";"


def bmp(size: tuple[int, int], bits: int = 24) -> bytes:
    width, height = size
    data = bytes(min((width * bits + 31) // 32 * 4 * abs(height), _LARGEST_FILE))
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


def png_bombs() -> Iterator[Bomb]:
    kinds = [*itertools.product(SIDES, PNG_KINDS), *itertools.product(LARGEST, ((8, 2), (16, 6), (8, 4), (1, 0)))]
    for (size, (bits, colour)), interlaced in itertools.product(kinds, (False, True)):
        content = png(size, bits, colour, interlaced=interlaced)
        yield Bomb(f"png {size} bits {bits} colour {colour} interlaced {interlaced}", content, size)
    text = b"key\0\0" + zeros_deflated(7_900_000)
    profile = b"name\0\0" + zeros_deflated(500 * 2**20)
    for count in (1, 20, 200, 2_000):
        chunks = png_chunk(b"zTXt", text) * count
        yield Bomb(f"png {count} texts before", png((8, 8), before=chunks), (8, 8))
        yield Bomb(f"png {count} texts after", png((8, 8), after=chunks), (8, 8))
    yield Bomb("png profile", png((8, 8), before=png_chunk(b"iCCP", profile)), (8, 8))
    for size, surplus in itertools.product(((1, 1), (500, 375), (2_000, 2_000)), (2**24, 2**30, 20 * 2**30)):
        yield Bomb(f"png {size} with {surplus} bytes too many", png(size, pixels=zeros_deflated(surplus)), size)
    empty = png_chunk(b"tEXt", b"") * 1_700_000
    yield Bomb("png of empty chunks", png((8, 8), before=empty), (8, 8))


def jpeg_bombs() -> Iterator[Bomb]:
    shapes = [size for size in SIDES if max(size) <= 65_535]
    kinds = [*itertools.product(shapes, (1, 10, 100, 999, 20_000), (1, 3, 4))]
    kinds += [*itertools.product(LARGEST, (1, 10, 19, 99), (3,)), ((7_141, 7_141), 10, 4), ((7_141, 7_141), 10, 1)]
    for size, scans, components in kinds:
        for progressive in (False, True):
            content = jpeg(size, scans=scans, progressive=progressive, components=components)
            yield Bomb(f"jpeg {size} scans {scans} {progressive=} {components=}", content, size)
    start = jpeg((8, 8))
    yield Bomb("jpeg of segments", start[:2] + b"\xff\xfe\0\2" * 5_000_000 + start[2:], (8, 8))


def gif_bombs() -> Iterator[Bomb]:
    shapes = [size for size in SIDES if max(size) <= 65_535]
    kinds = [*itertools.product(((1, 1), (500, 375), (30_000, 1_699)), shapes, (1, 2, 30, 1_000))]
    kinds += [*itertools.product(((1, 1),), LARGEST, (1, 30))]
    for screen, frame, count in kinds:
        content = gif(screen, [frame] * min(count, 1 + 2_000_000_000 // (frame[0] * frame[1])))
        yield Bomb(f"gif screen {screen} frame {frame} × {count}", content, frame)
    for small in (b"\1\0", b"\1\0\2\0\0"):
        content = gif((9, 9), [])[:-1] + b",\0\0\0\0\t\0\t\0\0\2" + small * (5_000_000 // len(small)) + b"\0;"
        yield Bomb(f"gif of blocks {small!r}", content, (9, 9))
    comment = b"!\xfe" + (b"\xff" + b"c" * 255) * 80_000 + b"\0"
    yield Bomb("gif with a comment", gif((9, 9), [])[:-1] + comment + gif((9, 9), [(9, 9)])[25:], (9, 9))
    yield Bomb("gif of extensions", gif((9, 9), [])[:-1] + b"!\xfe\0" * 6_000_000 + gif((9, 9), [(9, 9)])[25:], (9, 9))


def other_bombs() -> Iterator[Bomb]:
    for size, bits in itertools.product((*SIDES, *LARGEST), (8, 24, 32)):
        yield Bomb(f"bmp {size} bits {bits}", bmp(size, bits), size)
        yield Bomb(f"bmp upside down {size} bits {bits}", bmp((size[0], -size[1]), bits), size)
        yield Bomb(f"webp {size}", webp(size), size)
    shapes = [size for size in (*SIDES, *LARGEST) if max(size) < 2**31 - 1]
    for size, samples, bits, compression in itertools.product(shapes, (1, 3, 4), (8, 16, 32), (1, 5, 7, 8)):
        content = tiff(size, compression=compression, samples=samples, bits=bits)
        yield Bomb(f"tiff {size} {samples=} {bits=} {compression=}", content, size)
    for tile in (16, 20_000, 60_000, 2**31 - 1):
        yield Bomb(f"tiff tile {tile}", tiff((16, 16), tile=tile), (16, 16))
    entries = b"".join(struct.pack("<HHII", tag, 1, 2**20, 8) for tag in range(1_000, 1_900))
    overlapping = b"II*\0" + struct.pack("<I", 8 + 2**20) + bytes(2**20) + struct.pack("<H", 900) + entries + bytes(4)
    yield Bomb("tiff with overlapping values", overlapping, (1, 1))
    yield Bomb("eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n{} loop\n", (9, 9))


def truncated(bomb: Bomb, share: float) -> Bomb:
    return Bomb(f"{bomb.name} cut at {share}", bomb.content[: int(len(bomb.content) * share)], bomb.size)


def all_bombs() -> Iterator[Bomb]:
    """Yields every bomb, whole and cut."""
    for bomb in itertools.chain(png_bombs(), jpeg_bombs(), gif_bombs(), other_bombs()):
        yield bomb
        yield truncated(bomb, 0.5)
