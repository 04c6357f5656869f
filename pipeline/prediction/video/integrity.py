"""Whether a video file is all there, by its container's own word. Reads a few bytes, decodes nothing.

FFmpeg reads a file that was cut short up to its end and says nothing. But containers note their lengths: MP4 and MOV
in each box (ISO/IEC 14496-12, 4.2), AVI in its RIFF chunks, WebM and Matroska in the segment's header (RFC 8794 and
9559), and a GIF ends with a trailer (GIF89a, 27).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

_EBML_HEADER, _MATROSKA_SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
_GIF_TRAILER = b"\x3b"
_LONGEST_PADDING = 16  # bytes that some programs write behind a GIF's trailer


def is_cut_short(path: Path) -> bool:
    """Whether the file ends before its container says it does; `False` for formats not known here.

    Raises:
        OSError: the file can't be read.
    """
    with path.open("rb") as file:
        length = os.fstat(file.fileno()).st_size
        magic = file.read(12)
        if magic.startswith(_EBML_HEADER):
            return _matroska_end(file) > length
        if magic.startswith(b"RIFF"):
            return _last_riff_end(file, length) > length
        if magic.startswith(b"GIF8"):
            file.seek(max(0, length - _LONGEST_PADDING))
            return not file.read().rstrip(b"\0").endswith(_GIF_TRAILER)
        if magic[4:8] in (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide"):
            return _last_box_end(file, length) > length
    return False


def _last_box_end(file: BinaryIO, length: int) -> int:
    """Walks over the boxes of an MP4 or MOV; gives where the last one ends."""
    place = 0
    while place < length:
        file.seek(place)
        header = file.read(16)
        if len(header) < 8:
            return length + 1 if header.strip(b"\0") else length
        size = int.from_bytes(header[:4], "big")
        if size == 1:  # it follows in 64 bits
            size = int.from_bytes(header[8:16], "big")
        if size < 8:  # 0: up to the end of the file; anything else is no box, and the decoder's to judge
            return length
        place += size
    return place


def _last_riff_end(file: BinaryIO, length: int) -> int:
    """Walks over the RIFF chunks of an AVI, of which a large one has several; gives where the last one ends."""
    place = 0
    while place < length:
        file.seek(place)
        header = file.read(8)
        size = int.from_bytes(header[4:8], "little")
        if header[:4] != b"RIFF" or size in (0, 0xFFFFFFFF):  # other data behind it; a length never filled in
            return length
        place += 8 + size
    return place


def _matroska_end(file: BinaryIO) -> int:
    """Where the segment ends; 0 where its length was left open, as in live recordings."""
    file.seek(len(_EBML_HEADER))
    size = _variable_length_number(file)
    if size is None:
        return 0
    file.seek(size, os.SEEK_CUR)
    if file.read(4) != _MATROSKA_SEGMENT:
        return 0
    size = _variable_length_number(file)
    return 0 if size is None else file.tell() + size


def _variable_length_number(file: BinaryIO) -> int | None:
    """Reads an EBML number; `None` where it is unknown (all ones) or missing."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    more = 8 - first[0].bit_length()
    value = int.from_bytes(bytes([first[0] & ((1 << (7 - more)) - 1)]) + file.read(more), "big")
    return None if value == (1 << 7 * (more + 1)) - 1 else value
