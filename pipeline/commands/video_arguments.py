"""The options of `vocseg predict` for videos. Imports no heavy library."""

from __future__ import annotations

import argparse
import re
from fractions import Fraction

from pipeline.prediction.video.options import LARGEST_SIDE, OUTPUT_FORMATS, SMALLEST_SIDE, VideoOptions

_TIME = re.compile(r"(?:(?:(\d+):)?(\d{1,2}):)?(\d+(?:\.\d+)?|\.\d+)")
_MAX_FRAME_RATE = 240


def add_video_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options that apply to videos only; alpha, legend, contours and batch are shared with images."""
    group = parser.add_argument_group("videos")
    group.add_argument(
        "--video-format",
        choices=OUTPUT_FORMATS,
        default="mp4",
        help="format of the written videos (default: mp4, with H.264)",
    )
    group.add_argument("--start", type=seconds, default=0.0, metavar="TIME", help="begin here: seconds or hh:mm:ss")
    group.add_argument("--end", type=seconds, metavar="TIME", help="stop here: seconds or hh:mm:ss")
    group.add_argument(
        "--skip",
        type=_frame_count,
        default=0,
        metavar="N",
        help="skip N frames after each frame that is used (default: 0)",
    )
    group.add_argument("--fps", type=frame_rate, metavar="F", help="frames per second (default: the video's own)")
    group.add_argument(
        "--resize",
        type=frame_size,
        metavar="WxH|N",
        help="resize the frames to width × height, or to N pixels on the longer side",
    )
    group.add_argument(
        "--sound", action=argparse.BooleanOptionalAction, default=True, help="keep the sound in an mp4 (default: yes)"
    )


def video_options(parsed: argparse.Namespace) -> VideoOptions:
    """Reads the options from a parsed command line.

    Raises:
        VideoError: the options contradict each other.
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


def seconds(text: str) -> float:
    """Parses a time: seconds such as 90 or 1.5, or mm:ss or hh:mm:ss."""
    match = _TIME.fullmatch(text.strip())
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time: give seconds, such as 12.5, or hh:mm:ss")
    hours, minutes, rest = match.groups()
    if (minutes is not None and float(rest) >= 60) or (hours is not None and int(minutes) >= 60):
        raise argparse.ArgumentTypeError(f"{text!r} is not a time: minutes and seconds must be below 60")
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(rest)


def frame_size(text: str) -> tuple[int, int] | int:
    """Parses WIDTHxHEIGHT, or the length of the longer side."""
    parts = text.lower().replace("×", "x").split("x")
    if len(parts) > 2 or not all(part.strip().isdecimal() for part in parts):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a size: give WIDTHxHEIGHT, or one number for the longer side"
        )
    sides = [int(part) for part in parts]
    if not all(SMALLEST_SIDE <= side <= LARGEST_SIDE for side in sides):
        raise argparse.ArgumentTypeError(f"a side must have {SMALLEST_SIDE} to {LARGEST_SIDE} pixels, not {text}")
    return (sides[0], sides[1]) if len(sides) == 2 else sides[0]


def frame_rate(text: str) -> Fraction:
    """Parses frames per second: 25, 29.97 or 30000/1001."""
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not 0 < rate <= _MAX_FRAME_RATE:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a frame rate: give frames per second, above 0 and at most {_MAX_FRAME_RATE}"
        )
    return rate.limit_denominator(1001)


def _frame_count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of frames: give 0 or more")
    return int(text)
