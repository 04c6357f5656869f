"""Image files that are small and unpack to much: every format × sides × frames × scans × depth × truncation."""

from __future__ import annotations

import dataclasses
import functools
import io
import itertools
import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from tests.fuzz.image_files import (
    LARGEST_FILE,
    PNG_SAMPLES,
    bmp,
    deflated,
    exif,
    gif,
    jpeg,
    png,
    png_chunk,
    tiff,
    webp,
    with_more_scans,
    zeros_deflated,
)

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

LARGEST = ((8_688, 5_792), (30_000, 1_700))
"""Width and height of images that are allowed and take the most memory; few, because each takes seconds."""

LARGEST_TIFFS = (((6_000, 6_000), 3, 8), ((30_000, 1_150), 3, 8), ((5_460, 5_460), 4, 16), ((6_300, 6_300), 1, 8))
"""The same for TIFF, with samples per pixel and bits per sample."""

PNG_KINDS = ((8, 0), (8, 2), (8, 3), (8, 6), (16, 2), (16, 6), (1, 0), (8, 4))
"""Bits per sample and colour type."""


@dataclasses.dataclass(frozen=True)
class Bomb:
    """A generated file.

    Attributes:
        name: what it is.
        content: the file.
        size: width and height that it claims, after the turn that its EXIF orientation demands.
    """

    name: str
    content: bytes
    size: tuple[int, int]


def png_bombs() -> Iterator[Bomb]:
    kinds = [*itertools.product(SIDES, PNG_KINDS, (False, True))]
    kinds += [*itertools.product(LARGEST, ((8, 2), (8, 3), (8, 4), (16, 0)), (False,))]
    kinds += [*itertools.product((*LARGEST, (1_700, 30_000)), ((16, 6),), (True,))]
    for size, (bits, colour), interlaced in kinds:
        content = png(size, bits, colour, interlaced=interlaced)
        yield Bomb(f"png {size} bits {bits} colour {colour} interlaced {interlaced}", content, size)
    for size in LARGEST:
        yield Bomb(f"png {size} turned", png(size, 8, 6, before=png_chunk(b"eXIf", exif(7))), size[::-1])
    text = b"key\0\0" + zeros_deflated(7_900_000)
    profile = b"name\0\0" + zeros_deflated(500 * 2**20)
    for count in (1, 20, 200, 2_000):
        chunks = png_chunk(b"zTXt", text) * count
        yield Bomb(f"png {count} texts before", png((8, 8), before=chunks), (8, 8))
        yield Bomb(f"png {count} texts after", png((8, 8), after=chunks), (8, 8))
    yield Bomb("png profile", png((8, 8), before=png_chunk(b"iCCP", profile)), (8, 8))
    for size, surplus in itertools.product(((1, 1), (500, 375), (2_000, 2_000)), (2**24, 2**30, 20 * 2**30)):
        yield Bomb(f"png {size} with {surplus} bytes too many", png(size, pixels=zeros_deflated(surplus)), size)
    for size, noisy_rows, length in itertools.product(LARGEST[:1], (0, 300), (2**20, 2**22, LARGEST_FILE)):
        pixels = deflated(block_rows(size, noisy_rows), 20 * 2**30, length - 100)
        yield Bomb(
            f"png {size} of blocks, {noisy_rows} rows of noise, surplus to {length}", png(size, pixels=pixels), size
        )
    for size, bits, colour in itertools.product(LARGEST[:1], (8, 16), (2, 6)):
        pixels = empty_blocks(size, bits * PNG_SAMPLES[colour] // 8, LARGEST_FILE - 100)
        yield Bomb(
            f"png {size} bits {bits} colour {colour} and empty blocks", png(size, bits, colour, pixels=pixels), size
        )
    empty = png_chunk(b"tEXt", b"") * 1_700_000
    yield Bomb("png of empty chunks", png((8, 8), before=empty), (8, 8))


def jpeg_bombs() -> Iterator[Bomb]:
    shapes = [size for size in SIDES if max(size) <= 65_535]
    kinds = [*itertools.product(shapes, (1, 10, 100, 999, 20_000), (1, 3, 4))]
    kinds += [*itertools.product(LARGEST, (1, 19, 20), (3,)), (LARGEST[0], 10, 4), (LARGEST[0], 10, 1)]
    for size, scans, components in kinds:
        for progressive in (False, True):
            content = jpeg(size, scans=scans, progressive=progressive, components=components)
            yield Bomb(f"jpeg {size} scans {scans} {progressive=} {components=}", content, size)
    for size in (*LARGEST, (1_700, 30_000)):
        yield Bomb(f"jpeg {size} turned", jpeg(size, orientation=7, scans=10, progressive=True), size[::-1])
    start = jpeg((8, 8))
    yield Bomb("jpeg of segments", start[:2] + b"\xff\xfe\0\2" * 5_000_000 + start[2:], (8, 8))


def gif_bombs() -> Iterator[Bomb]:
    shapes = [size for size in SIDES if max(size) <= 65_535]
    kinds = [*itertools.product(((1, 1), (500, 375)), shapes, (1, 2, 30, 1_000))]
    kinds += [*itertools.product(((30_000, 1_699),), shapes, (1,))]
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
    for size, samples, bits in LARGEST_TIFFS:
        yield Bomb(f"tiff {size} {samples=} {bits=} largest", tiff(size, samples=samples, bits=bits), size)
    for tile in (16, 20_000, 60_000, 2**31 - 1):
        yield Bomb(f"tiff tile {tile}", tiff((16, 16), tile=tile), (16, 16))
    entries = b"".join(struct.pack("<HHII", tag, 1, 2**20, 8) for tag in range(1_000, 1_900))
    overlapping = b"II*\0" + struct.pack("<I", 8 + 2**20) + bytes(2**20) + struct.pack("<H", 900) + entries + bytes(4)
    yield Bomb("tiff with overlapping values", overlapping, (1, 1))
    yield Bomb("eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n{} loop\n", (9, 9))


@functools.lru_cache(maxsize=1)
def block_rows(size: tuple[int, int], noisy_rows: int = 0) -> bytes:
    """Returns the rows of a PNG that shows blocks of random colours, so that no classes are the same side by side.

    Args:
        size: width and height.
        noisy_rows: the number of first rows that are noise, which cannot be compressed.
    """
    width, height = size
    generator = np.random.default_rng(0)
    colours = generator.integers(0, 256, (height // 20 + 1, width // 20 + 1, 3), np.uint8)
    rows = np.zeros((height, 1 + 3 * width), np.uint8)
    rows[:, 0] = 2  # as the row above
    rows[::20, 0] = 0
    rows[::20, 1:] = colours.repeat(20, axis=1)[: len(rows[::20]), :width].reshape(-1, 3 * width)
    rows[:noisy_rows, 1:] = generator.integers(0, 256, (noisy_rows, 3 * width), np.uint8)
    return rows.tobytes()


def block_bombs() -> Iterator[Bomb]:
    """Yields large images of blocks as encoders write them."""
    for format_, size, options in (
        ("JPEG", (8_688, 5_792), {}),
        ("JPEG", (8_688, 5_792), {"progressive": True}),
        ("JPEG", (1_700, 30_000), {"progressive": True, "subsampling": 0}),
        ("GIF", (8_688, 5_792), {}),
        ("WEBP", (5_110, 5_110), {"lossless": True, "method": 0}),
        ("WEBP", (5_110, 5_110), {"method": 0}),
        ("TIFF", (6_000, 6_000), {"compression": "tiff_lzw"}),
        ("TIFF", (6_000, 6_000), {"compression": "tiff_deflate"}),
    ):
        width, height = size
        rows = np.frombuffer(block_rows(size), np.uint8).reshape(height, -1)[::20, 1:].reshape(-1, width, 3)
        picture = Image.fromarray(rows.repeat(20, axis=0)[:height])
        written = io.BytesIO()
        picture.convert("P" if format_ == "GIF" else "RGB").save(written, format_, **options)
        yield Bomb(f"{format_} of blocks {size} {options}", written.getvalue(), size)
        if "progressive" in options:
            content = with_more_scans(written.getvalue(), size, 9)
            yield Bomb(f"{format_} of blocks {size} {options}, 9 more scans", content, size)


def empty_blocks(size: tuple[int, int], pixel_bytes: int, length: int) -> bytes:
    """Returns a deflated stream that has nearly all pixels, and then empty blocks until it is `length` bytes long."""
    width, height = size
    compressor = zlib.compressobj(9)
    rows = b"".join(compressor.compress(bytes(1 + width * pixel_bytes)) for _ in range(height - 9))
    start = rows + compressor.flush(zlib.Z_FULL_FLUSH)
    return start + b"\0\0\0\xff\xff" * ((length - len(start)) // 5)


def truncated(bomb: Bomb, share: float) -> Bomb:
    return Bomb(f"{bomb.name} cut at {share}", bomb.content[: int(len(bomb.content) * share)], bomb.size)


def all_bombs() -> Iterator[Bomb]:
    """Yields every bomb, whole and cut."""
    for bomb in itertools.chain(png_bombs(), jpeg_bombs(), gif_bombs(), other_bombs(), block_bombs()):
        if len(bomb.content) <= LARGEST_FILE:
            yield bomb
            yield truncated(bomb, 0.5)
