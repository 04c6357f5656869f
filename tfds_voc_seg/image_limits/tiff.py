"""Reads the header of a TIFF file.

Sources: Adobe "TIFF Revision 6.0", section 2; BigTIFF, AWare Systems "The BigTIFF File Format".
"""

from __future__ import annotations

import dataclasses
import struct
from typing import TYPE_CHECKING, Literal

from tfds_voc_seg.image_limits.header import ImageHeader, ImageRefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _SAMPLES, _TILE_WIDTH, _TILE_HEIGHT = 256, 257, 258, 259, 277, 322, 323
_COMPRESSIONS = {1: "none", 5: "LZW", 8: "Deflate", 32_773: "PackBits", 32_946: "Deflate"}
_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_MAX_ENTRIES = 1000
_CLASSIC, _BIG = 42, 43


@dataclasses.dataclass(frozen=True)
class _Directory:
    """The first directory of a file: where its entries are, and how they are written."""

    order: Literal["little", "big"]
    first: int
    count: int
    big: bool

    @classmethod
    def of(cls, content: bytes) -> _Directory | None:
        order: Literal["little", "big"] = "little" if content.startswith(b"II") else "big"
        version = int.from_bytes(content[2:4], order)
        if version not in (_CLASSIC, _BIG):
            return None
        big = version == _BIG
        place = int.from_bytes(content[8:16] if big else content[4:8], order)
        head = 8 if big else 2
        return cls(order, place + head, int.from_bytes(content[place : place + head], order), big)

    def entries(self, content: bytes) -> Iterator[tuple[int, int, int]]:
        """Yields tag, first value (0 if it is no whole number) and the bytes of all values of each entry."""
        size, field = (20, 8) if self.big else (12, 4)
        for place in range(self.first, self.first + size * self.count, size):
            entry = content[place : place + size]
            if len(entry) < size:
                raise struct.error
            kind = int.from_bytes(entry[2:4], self.order)
            width = _TYPE_BYTES.get(kind, 0)
            bytes_of_all = int.from_bytes(entry[4 : 4 + field], self.order) * width
            values = entry[4 + field :]
            if bytes_of_all > field:
                start = int.from_bytes(values, self.order)
                values = content[start : start + width]
            is_whole = kind in (1, 3, 4, 16)
            yield (
                int.from_bytes(entry[:2], self.order),
                int.from_bytes(values[:width], self.order) if is_whole else 0,
                bytes_of_all,
            )


def tiff_header(content: bytes) -> ImageHeader | None:
    """Reads the size of the first page, and what decoding it needs.

    Args:
        content: the file's bytes.

    Returns:
        The header; `None` if the file is not a TIFF or ends before the size.

    Raises:
        ImageRefusedError: the file is compressed in another way than without loss, or its directory is larger than the
            file.
        struct.error: the file ends inside of its directory.
    """
    directory = _Directory.of(content)
    if directory is None:
        return None
    if directory.count > _MAX_ENTRIES:
        raise ImageRefusedError(f"has more than {_MAX_ENTRIES:,} entries in its directory", "save it again")
    entries = list(directory.entries(content))
    if sum(size for _, _, size in entries) > len(content):  # PIL copies every value, even if they overlap
        raise ImageRefusedError("has a directory that is larger than the file", "save it again")
    values = {tag: value for tag, value, _ in entries}
    compression = values.get(_COMPRESSION, 1)
    if compression not in _COMPRESSIONS:
        raise ImageRefusedError(
            f"is a TIFF with the compression {compression}",
            f"save it with one of {', '.join(dict.fromkeys(_COMPRESSIONS.values()))}, or as a PNG",
        )
    width, height = values.get(_WIDTH, 0), values.get(_HEIGHT, 0)
    bits = max(1, values.get(_SAMPLES, 1)) * max(1, values.get(_BITS, 1))
    tile = values.get(_TILE_WIDTH, 0) * values.get(_TILE_HEIGHT, 0)
    decoded = max(1, -(-bits // 8)) * max(1, -(-tile // max(1, width * height)))
    return ImageHeader("TIFF", width, height, pixel_bytes=decoded)
