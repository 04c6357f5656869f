"""What can be asked of a video, from the command line too. Imports nothing heavy."""

from __future__ import annotations

import argparse
import dataclasses
import math
import re
from fractions import Fraction
from pathlib import Path

VIDEO_SUFFIXES = (".mp4", ".mov", ".avi", ".webm", ".m4v", ".mkv")
"""Files that are always videos."""

GIF_SUFFIX = ".gif"
"""A video where it holds more than one picture."""

OUTPUT_FORMATS = ("mp4", "gif")

SMALLEST_SIDE, LARGEST_SIDE = 16, 8192  # pixels; H.264's own levels end a little above
_CLOCK = re.compile(r"(?:(?:(\d+):)?(\d{1,2}):)?(\d+(?:\.\d+)?|\.\d+)")


class VideoError(ValueError):
    """A video that can't be read, written or cut as asked; the message says which, why and what to do.

    Attributes:
        reason: the message without the file's name.
    """

    def __init__(self, reason: str, path: Path | None = None):
        super().__init__(reason if path is None else f"{path} {reason}")
        self.reason = reason


@dataclasses.dataclass(frozen=True)
class VideoOptions:
    """What is made of a video.

    Attributes:
        start: where to begin, seconds from the video's beginning.
        end: where to stop, seconds from the video's beginning; `None` for its end.
        skip: frames that are left out after each one used; the speed stays, there are fewer frames a second.
        fps: frames a second of the result, chosen by time; `None` keeps the source's own times.
        resize: width and height of the pictures, or the length of their longest side, pixels; `None` keeps the size.
        sound: keep the sound, where the result can hold one.
        alpha: how much of a class's colour shows, 0 to 1.
        legend: a strip with the classes' names below the picture.
        contours: draw the borders between classes.
        batch_size: frames that are segmented at once, at most.
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


def seconds(text: str) -> float:
    """Parses a time: seconds such as 90 or 1.5, or a clock's mm:ss or hh:mm:ss."""
    match = _CLOCK.fullmatch(text.strip())
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r} is no time: give seconds, such as 12.5, or hh:mm:ss")
    hours, minutes, rest = match.groups()
    if (minutes is not None and float(rest) >= 60) or (hours is not None and int(minutes) >= 60):
        raise argparse.ArgumentTypeError(f"{text!r} is no time: minutes and seconds go up to 59")
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(rest)


def picture_size(text: str) -> tuple[int, int] | int:
    """Parses WIDTHxHEIGHT, or the length of the longest side."""
    parts = text.lower().replace("×", "x").split("x")
    if len(parts) > 2 or not all(part.strip().isdecimal() for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r} is no size: give WIDTHxHEIGHT, or one number for the longest side")
    sides = [int(part) for part in parts]
    if not all(SMALLEST_SIDE <= side <= LARGEST_SIDE for side in sides):
        raise argparse.ArgumentTypeError(f"a side has {SMALLEST_SIDE} to {LARGEST_SIDE} pixels, not {text}")
    return (sides[0], sides[1]) if len(sides) == 2 else sides[0]


def frame_rate(text: str) -> Fraction:
    """Parses frames a second: 25, 29.97 or 30000/1001."""
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not 0 < rate <= 240:
        raise argparse.ArgumentTypeError(f"{text!r} is no frame rate: give frames a second, above 0 and up to 240")
    return rate.limit_denominator(1001)


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no number of frames: give 0 or more")
    return int(text)


def add_video_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options that videos alone have; alpha, legend, contours and batch are those of images."""
    group = parser.add_argument_group("videos")
    group.add_argument(
        "--video-format", choices=OUTPUT_FORMATS, default="mp4", help="what a video becomes (default: mp4, H.264)"
    )
    group.add_argument("--start", type=seconds, default=0.0, metavar="TIME", help="begin here: seconds or hh:mm:ss")
    group.add_argument("--end", type=seconds, metavar="TIME", help="stop here: seconds or hh:mm:ss")
    group.add_argument(
        "--skip", type=_count, default=0, metavar="N", help="leave out N frames after each one used (default: 0)"
    )
    group.add_argument("--fps", type=frame_rate, metavar="F", help="frames a second (default: the video's own)")
    group.add_argument(
        "--resize",
        type=picture_size,
        metavar="WxH|N",
        help="make a video's pictures this size, or N on the longest side",
    )
    group.add_argument(
        "--sound", action=argparse.BooleanOptionalAction, default=True, help="keep the sound in an mp4 (default: yes)"
    )


def video_options(parsed: argparse.Namespace) -> VideoOptions:
    """Reads the options from a parsed command line.

    Raises:
        VideoError: they contradict each other.
    """
    return VideoOptions(
        start=parsed.start,
        end=parsed.end,
        skip=parsed.skip,
        fps=parsed.fps,
        resize=parsed.resize,
        sound=parsed.sound,
        alpha=parsed.alpha,
        legend=parsed.legend,
        contours=parsed.contours,
        batch_size=parsed.batch,
    )


def is_video(path: Path) -> bool:
    """Whether a file is to be treated as a video: by its name, a GIF by whether it moves."""
    suffix = path.suffix.lower()
    if suffix != GIF_SUFFIX:
        return suffix in VIDEO_SUFFIXES
    from PIL import Image

    try:
        with Image.open(path) as picture:
            return getattr(picture, "n_frames", 1) > 1
    except (OSError, ValueError, SyntaxError):
        return False


def output_size(width: int, height: int, resize: tuple[int, int] | int | None) -> tuple[int, int]:
    """The pictures' size after `resize`: even, as H.264 with halved colour planes needs; at least two pixels.

    Args:
        width: of the source as it is shown, pixels.
        height: of the source as it is shown, pixels.
        resize: as in `VideoOptions`.

    Returns:
        Width and height. Without `resize` an odd side loses one pixel.
    """
    if isinstance(resize, tuple):
        width, height = resize
    elif resize is not None:
        scale = resize / max(width, height)
        width, height = (max(2, math.floor(side * scale / 2 + 0.5) * 2) for side in (width, height))
    return max(2, width - width % 2), max(2, height - height % 2)
