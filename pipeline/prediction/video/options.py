"""How a video is processed, and which files are videos. Imports no heavy library."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fractions import Fraction
    from pathlib import Path

VIDEO_SUFFIXES = (".mp4", ".mov", ".avi", ".webm", ".m4v", ".mkv")
"""Suffixes of files that are always videos."""

GIF_SUFFIX = ".gif"
"""Suffix of files that are videos if they have more than one frame."""

OUTPUT_FORMATS = ("mp4", "gif")

SMALLEST_SIDE, LARGEST_SIDE = 16, 8192  # pixels; the highest level of H.264 allows slightly more


MAX_GIF_PIXELS = 3840 * 2160
"""Width times height of the frames of a GIF: those of a 4K video."""


class VideoError(ValueError):
    """A video cannot be read, written or cut as requested; the message names the file, the reason and what to do.

    Attributes:
        reason: the message without the file's name.
    """

    def __init__(self, reason: str, path: Path | None = None):
        super().__init__(reason if path is None else f"{path} {reason}")
        self.reason = reason


@dataclasses.dataclass(frozen=True)
class VideoOptions:
    """How a video is processed.

    Attributes:
        start: time of the first frame, seconds from the video's beginning.
        end: time at which to stop, seconds from the video's beginning; `None` for the end of the video.
        skip: number of frames to skip after each frame that is used; the speed stays the same.
        fps: frames per second of the result, selected by time; `None` keeps the source's own times.
        resize: width and height of the frames, or the length of their longer side, pixels; `None` keeps the size.
        sound: keep the sound if the result's format supports it.
        alpha: opacity of the classes' colours, 0 to 1.
        legend: add a strip with the classes' names below the picture.
        contours: draw the outlines of the classes.
        batch_size: maximum number of frames per run of the network.
    """

    start: float = 0.0
    end: float | None = None
    skip: int = 0
    fps: Fraction | None = None
    resize: tuple[int, int] | int | None = None
    sound: bool = True
    alpha: float = 0.5
    legend: bool = True
    contours: bool = False
    batch_size: int = 8

    def __post_init__(self) -> None:
        if self.end is not None and self.end <= self.start:
            raise VideoError(f"--end {self.end:g} s is not after --start {self.start:g} s")


def is_video(path: Path) -> bool:
    """Returns whether a file is treated as a video: by its suffix, for a GIF by its number of frames."""
    suffix = path.suffix.lower()
    if suffix != GIF_SUFFIX:
        return suffix in VIDEO_SUFFIXES
    # Here, because they load TFDS, and every command imports this module.
    from tfds_voc_seg.image_limits.header import ImageRefusedError
    from tfds_voc_seg.image_limits.limits import check_image

    try:
        return check_image(path.read_bytes(), ("GIF",)).animated
    except (OSError, ImageRefusedError):
        return False


def output_size(width: int, height: int, resize: tuple[int, int] | int | None) -> tuple[int, int]:
    """Returns width and height of the frames after `resize`: even, as H.264 with yuv420p requires, and at least 2.

    Without `resize`, an odd side is reduced by one pixel.

    Args:
        width: of the source as it is shown, pixels.
        height: of the source as it is shown, pixels.
        resize: as in `VideoOptions`.
    """
    if isinstance(resize, tuple):
        width, height = resize
    elif resize is not None:
        scale = resize / max(width, height)
        width, height = (max(2, math.floor(side * scale / 2 + 0.5) * 2) for side in (width, height))
    return max(2, width - width % 2), max(2, height - height % 2)
