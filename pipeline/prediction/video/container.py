"""Opens video files, and detects files that are truncated.

FFmpeg reads a truncated file up to its end without an error. But containers store their lengths: MP4 and MOV in each
box (ISO/IEC 14496-12, 4.2), AVI in its RIFF chunks, WebM and Matroska in the header of the segment (RFC 8794 and 9559),
and a GIF ends with a trailer (GIF89a, 27). The check reads a few bytes and decodes nothing.
"""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING, BinaryIO

import av

from pipeline.prediction.video.options import MAX_GIF_PIXELS, VideoError

if TYPE_CHECKING:
    from pathlib import Path

# The format is detected from the file's content; without these lists, a playlist could make FFmpeg open other files.
_DEMUXERS = "mov,mp4,m4a,3gp,3g2,mj2,avi,matroska,webm,gif"
_OPEN_OPTIONS = {"format_whitelist": _DEMUXERS, "protocol_whitelist": "file"}

_EBML_HEADER, _MATROSKA_SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
_GIF_TRAILER = b"\x3b"
_MAX_GIF_PADDING = 16  # bytes that some programs write after a GIF's trailer


def open_container(path: Path) -> av.container.InputContainer:
    """Opens a video file.

    Raises:
        VideoError: the file does not exist, is not a video, or is a GIF with large frames.
    """
    _check_gif_size(path)
    try:
        # The prefix `file:` prevents that a name with a colon is parsed as another protocol.
        return av.open(f"file:{path}", options=_OPEN_OPTIONS, metadata_errors="ignore")
    except FileNotFoundError as error:
        raise VideoError("does not exist", path) from error
    except PermissionError as error:
        raise VideoError("cannot be read: permission denied", path) from error
    except (av.FFmpegError, OSError) as error:
        reason = "it is truncated: copy it again" if is_truncated(path) else "it is damaged or has another format"
        raise VideoError(f"cannot be read as a video (mp4, mov, avi, webm, gif): {reason}", path) from error


def _check_gif_size(path: Path) -> None:
    """Raises VideoError if the frames of a GIF are large, before FFmpeg decodes the first one.

    A GIF of a few megabytes can have thousands of frames of any size.
    """
    try:
        with path.open("rb") as file:
            head = file.read(10)
    except OSError:
        return  # FFmpeg says why
    if head.startswith(b"GIF8") and len(head) == 10:
        width, height = struct.unpack_from("<HH", head, 6)
        if width * height > MAX_GIF_PIXELS:
            raise VideoError(
                f"has frames of {width} × {height} pixels, and those of a GIF may have {MAX_GIF_PIXELS:,}: make it "
                "smaller, or convert it to mp4",
                path,
            )


def is_truncated(path: Path) -> bool:
    """Returns whether the file is shorter than its container says; `False` for unknown formats and unreadable files."""
    try:
        with path.open("rb") as file:
            return _is_truncated(file)
    except OSError:
        return False


def _is_truncated(file: BinaryIO) -> bool:
    length = os.fstat(file.fileno()).st_size
    signature = file.read(12)
    if signature.startswith(_EBML_HEADER):
        return _matroska_end(file) > length
    if signature.startswith(b"RIFF"):
        return _last_riff_end(file, length) > length
    if signature.startswith(b"GIF8"):
        file.seek(max(0, length - _MAX_GIF_PADDING))
        return not file.read().rstrip(b"\0").endswith(_GIF_TRAILER)
    if signature[4:8] in (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide"):
        return _last_box_end(file, length) > length
    return False


def _last_box_end(file: BinaryIO, length: int) -> int:
    """Walks over the boxes of an MP4 or MOV; returns the offset at which the last box ends."""
    offset = 0
    while offset < length:
        file.seek(offset)
        header = file.read(16)
        if len(header) < 8:
            return length + 1 if header.strip(b"\0") else length
        size = int.from_bytes(header[:4], "big")
        if size == 1:  # the size follows in 64 bits
            size = int.from_bytes(header[8:16], "big")
        if size < 8:  # 0 means up to the end of the file; other values are not a box, and the decoder reports them
            return length
        offset += size
    return offset


def _last_riff_end(file: BinaryIO, length: int) -> int:
    """Walks over the RIFF chunks of an AVI (large files have several); returns the offset at which the last ends."""
    offset = 0
    while offset < length:
        file.seek(offset)
        header = file.read(8)
        size = int.from_bytes(header[4:8], "little")
        if header[:4] != b"RIFF" or size in (0, 0xFFFFFFFF):  # other data after the AVI; a size that was never written
            return length
        offset += 8 + size
    return offset


def _matroska_end(file: BinaryIO) -> int:
    """Returns the offset at which the segment ends; 0 if its length is unknown, as in live recordings."""
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
    """Reads an EBML number; returns `None` if it is unknown (all ones) or missing."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    more = 8 - first[0].bit_length()
    value = int.from_bytes(bytes([first[0] & ((1 << (7 - more)) - 1)]) + file.read(more), "big")
    return None if value == (1 << 7 * (more + 1)) - 1 else value
