"""`vocseg export`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from components.allocator import loading_libraries
from components.targets.names import TARGETS
from pipeline.commands.terminal import (
    EXIT_FAILED,
    EXIT_USAGE,
    add_trust_option,
    fail,
    local_path,
    make_console,
    not_installed,
    place,
    short_path,
    whole_number,
)

if TYPE_CHECKING:
    import argparse

    from pipeline.commands.terminal import CommandGroup
    from pipeline.display.live import Display

_ANY = "any"


def add_parser(commands: CommandGroup) -> None:
    """Adds `export`."""
    export = commands.add_parser(
        "export",
        help="convert a published model for LiteRT or ONNX Runtime",
        description="Convert a model. Writes a folder that stands alone: the model file, segmentation.json (classes, "
        "colours, input and output, what the caller must do to a photo) and the model card.",
    )
    export.add_argument(
        "model",
        type=place,
        metavar="MODEL",
        help="a SavedModel, a publishing folder (its latest version), or the output folder of a run",
    )
    export.add_argument("--target", choices=TARGETS, required=True, help="the format")
    export.add_argument(
        "--output", type=local_path, required=True, metavar="DIR", help="a folder that does not exist or is empty"
    )
    export.add_argument(
        "--batch",
        type=_batch,
        metavar="N|any",
        help="the number of images that the model takes at once; any allows all numbers, which LiteRT computes more "
        "slowly (default: 1 for LiteRT, any for ONNX)",
    )
    export.add_argument(
        "--devkit",
        type=place,
        metavar="DIR|URI",
        help="only with litert_int8, which needs it: a VOC devkit with the model's classes; the ranges of the "
        "activations are measured on photos of its train split",
    )
    add_trust_option(export)
    export.set_defaults(command=_export, interrupted="interrupted; nothing was exported")


def _batch(text: str) -> int | str:
    if text == _ANY:
        return text
    return whole_number(text, 1, sys.maxsize, f"of at least 1, or {_ANY}")


def _export(options: argparse.Namespace) -> int:
    if (options.target == "litert_int8") != (options.devkit is not None):
        needs = "needs --devkit, whose train split has the photos for measuring the ranges of the activations"
        message = f"--target {options.target} {needs}" if options.devkit is None else "--devkit: only for litert_int8"
        return fail(message, EXIT_USAGE)
    try:
        usable = not options.output.exists() or (options.output.is_dir() and not any(options.output.iterdir()))
    except OSError as error:
        return fail(f"--output {options.output} cannot be used: {error.strerror}", EXIT_USAGE)
    if not usable:
        return fail(f"{options.output} is not an empty folder: name one that does not exist", EXIT_USAGE)
    try:
        from pipeline.display.library_output import libraries_to_log
        from pipeline.display.live import Display
    except ModuleNotFoundError as error:
        return fail(not_installed(error, "export", "export"), EXIT_USAGE)
    with tempfile.TemporaryDirectory() as scratch, libraries_to_log(Path(scratch)) as (terminal, _):
        return _export_and_show(options, Display(make_console(terminal)))


def _export_and_show(options: argparse.Namespace, display: Display) -> int:
    from rich.markup import escape

    from components.saved_model.serving_folder import ModelNotFoundError, find_saved_model
    from tfds_voc_seg.disk_errors import write_problem

    status = EXIT_USAGE
    try:
        find_saved_model(options.model)
        with display.busy("loading TensorFlow"), loading_libraries():
            from components.targets.export import DEFAULT_BATCH
            from pipeline.export import export_model
        with display.busy(f"converting {options.model} to {options.target}"):
            status = EXIT_FAILED
            batch = DEFAULT_BATCH[options.target] if options.batch is None else options.batch
            done = export_model(
                options.model,
                options.target,
                options.output,
                batch=None if batch == _ANY else batch,
                devkit=options.devkit,
                trust=options.trust_model,
            )
    except ModuleNotFoundError as error:
        problem, status = not_installed(error, "export", "export"), EXIT_USAGE
    except ImportError as error:
        problem, status = f"a library cannot be loaded: {error}", EXIT_USAGE
    except MemoryError:
        problem = "the conversion needs more memory than there is"
    except ModelNotFoundError as error:
        problem = str(error)
    except OSError as error:
        problem = write_problem(error, options.output)
    except ValueError as error:  # the model or the devkit cannot be used
        problem = str(error)
    else:
        display.print(
            f"{escape(short_path(Path(done.file)))}: {done.target.bytes / 1e6:.2f} MB; segmentation.json beside it "
            "says how to use it"
        )
        return 0
    display.print(f"[bold red]error:[/] {escape(problem)}")
    return status
