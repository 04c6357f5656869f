"""`vocseg predict`."""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.run_files import LOGS_FOLDER
from pipeline.commands.terminal import (
    EXIT_FAILED,
    EXIT_USAGE,
    add_engine_option,
    add_trust_option,
    fail,
    local_path,
    make_console,
    not_installed,
    place,
    positive,
    short_path,
)
from pipeline.commands.video_arguments import add_video_arguments, video_options
from pipeline.display.library_output import libraries_to_log
from pipeline.prediction.inputs import Failure, Input, find_inputs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.prediction.video.options import VideoOptions

_DEFAULT_TILE = 500  # the longest side of VOC's photos: objects in a tile are as large as in training


def add_parser(commands: Any) -> None:
    """Adds `predict`."""
    predict = commands.add_parser(
        "predict",
        help="segment images and videos with a published model",
        description="Segment images and videos. Writes the class map of each image to DIR/class_maps, a palette PNG in "
        "VOC's format at the image's own size, and an overlay with the classes in VOC's colours to DIR/overlays; "
        "writes the overlays of a video to DIR/videos. Failed inputs are reported and skipped.",
        epilog="Exit status: 0 success, 1 some inputs failed, 2 invalid arguments or model.",
    )
    predict.add_argument(
        "model",
        type=place,
        metavar="MODEL",
        help="a SavedModel, a publishing folder (its latest version), the output folder of a run, or a folder that "
        "vocseg export wrote",
    )
    predict.add_argument(
        "inputs",
        nargs="+",
        type=place,
        metavar="INPUT",
        help="an image, a video (mp4, mov, avi, webm, gif), a folder of them, a quoted glob, or - (standard input)",
    )
    predict.add_argument("--output", type=local_path, required=True, metavar="DIR", help="folder for the results")
    predict.add_argument("--force", action="store_true", help="replace existing results")
    add_trust_option(predict)
    _add_results(predict)
    _add_computation(predict)
    add_video_arguments(predict)
    predict.set_defaults(command=_predict, interrupted="interrupted; the files in the output folder are complete")


def _add_results(predict: argparse.ArgumentParser) -> None:
    results = predict.add_argument_group("results")
    results.add_argument(
        "--alpha", type=_share, default=0.5, metavar="A", help="opacity of the colours, 0 to 1 (default: 0.5)"
    )
    results.add_argument(
        "--legend",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="name the classes below the picture (default: yes)",
    )
    results.add_argument("--contours", action="store_true", help="draw the classes' outlines")
    results.add_argument(
        "--probabilities",
        action="store_true",
        help="also write DIR/probabilities/NAME.npz, float32 [height, width, classes]",
    )
    results.add_argument(
        "--shares", action="store_true", help="also write DIR/shares/NAME.json, the share of the pixels per class"
    )


def _add_computation(predict: argparse.ArgumentParser) -> None:
    computation = predict.add_argument_group("computation")
    add_engine_option(computation)
    computation.add_argument(
        "--tta",
        action="store_true",
        help="average over mirrored and scaled versions of each image: often more accurate, always slower",
    )
    computation.add_argument(
        "--tile", action="store_true", help="split large images into overlapping tiles, to find small objects"
    )
    computation.add_argument(
        "--tile-size",
        type=positive,
        default=_DEFAULT_TILE,
        metavar="N",
        help=f"height and width of the tiles, pixels (default: {_DEFAULT_TILE}, the longer side of VOC's photos)",
    )
    computation.add_argument(
        "--batch", type=positive, default=4, metavar="N", help="images or frames per run of the network (default: 4)"
    )


def _share(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 <= (value := float(text)) <= 1:
            return value
    raise argparse.ArgumentTypeError(f"must be a number from 0 to 1, not {text!r}")


def _predict(options: argparse.Namespace) -> int:
    from pipeline.engines.selection import find_model
    from tfds_voc_seg.disk_errors import write_reason

    try:
        find_model(options.model)
        videos = video_options(options)
    except ValueError as error:  # no model, or options for videos that contradict each other
        return fail(str(error), EXIT_USAGE)
    try:
        options.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return fail(f"--output {options.output} cannot be used: {write_reason(error)}", EXIT_USAGE)
    with tempfile.TemporaryDirectory() as folder:
        inputs, failures = find_inputs(options.inputs, options.output, sys.stdin.buffer, Path(folder))
        if inputs:
            try:
                failures += _work(options, inputs, videos, Path(folder) / LOGS_FOLDER)
            except ModuleNotFoundError as error:
                return fail(not_installed(error, "predict", "predict"), EXIT_USAGE)
            except ValueError as error:  # the model cannot be used
                return fail(str(error), EXIT_USAGE)
    for failure in failures:
        fail(f"{failure.display_name} {failure.reason}", EXIT_FAILED)
    return EXIT_FAILED if failures else 0


def _work(options: argparse.Namespace, inputs: Sequence[Input], videos: VideoOptions, logs: Path) -> list[Failure]:
    from rich.markup import escape

    from pipeline.display.live import Display

    with libraries_to_log(logs) as (terminal, _):
        display = Display(make_console(terminal))
        with display.busy("loading the program"):
            from pipeline.prediction.photos.results import PhotoResultOptions
            from pipeline.prediction.predict_inputs import predict_inputs
        results = PhotoResultOptions(
            options.output,
            options.alpha,
            options.legend,
            options.contours,
            options.probabilities,
            options.shares,
        )
        failures = predict_inputs(
            options.model,
            inputs,
            display,
            results,
            replace=options.force,
            videos=videos,
            video_format=options.video_format,
            trust=options.trust_model,
            engine=options.engine,
            batch=options.batch,
            tta=options.tta,
            tile=options.tile_size if options.tile else None,
        )
        done = len(inputs) - len(failures)
        display.print(f"{done} of {len(inputs)} done, in {escape(short_path(options.output))}")
    return failures
