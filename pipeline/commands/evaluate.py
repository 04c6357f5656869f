"""`vocseg evaluate`."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from components.allocator import loading_libraries
from pipeline.commands.terminal import (
    EXIT_FAILED,
    EXIT_USAGE,
    add_engine_option,
    add_trust_option,
    fail,
    make_console,
    not_installed,
    place,
)

if TYPE_CHECKING:
    import argparse

    from pipeline.commands.terminal import CommandGroup


def add_parser(commands: CommandGroup) -> None:
    """Adds `evaluate`."""
    evaluate = commands.add_parser(
        "evaluate",
        help="measure published or exported models on a devkit",
        description="Measure SavedModels on a split of a devkit, with the same metrics as the pipeline. Models with "
        "the same input size and the same classes are measured on the same pixels and compared.",
    )
    evaluate.add_argument(
        "models",
        nargs="+",
        type=place,
        metavar="MODEL",
        help="a SavedModel, a publishing folder (its latest version), the output folder of a run, or a folder that "
        "vocseg export wrote",
    )
    evaluate.add_argument(
        "--devkit", type=place, required=True, metavar="DIR|URI", help="a VOC devkit: the folder that holds JPEGImages"
    )
    evaluate.add_argument(
        "--split", choices=("train", "val", "test"), help="the split (default: test if the devkit has it, else val)"
    )
    evaluate.add_argument(
        "--on-bad-pair",
        choices=("fail", "skip"),
        default="fail",
        help="stop if a photo or mask cannot be used, or measure without these images (default: fail)",
    )
    evaluate.add_argument("--drop-empty", action="store_true", help="skip images without any of a model's classes")
    evaluate.add_argument(
        "--output",
        type=place,
        metavar="DIR",
        default="",
        help="write evaluation.json, images.jsonl and example pictures here",
    )
    add_engine_option(evaluate, "tensorflow")  # the figures of the SavedModel, whatever is faster
    add_trust_option(evaluate)
    evaluate.set_defaults(command=_evaluate, interrupted="interrupted")


def _evaluate(options: argparse.Namespace) -> int:
    try:
        from rich.markup import escape

        from pipeline.display.library_output import libraries_to_log
        from pipeline.display.live import Display
        from pipeline.display.tables import class_table, evaluation_table, problems_table
        from tfds_voc_seg.disk_errors import full_disk_problem
        from tfds_voc_seg.storage import StorageError, require_no_pattern
    except ModuleNotFoundError as error:
        return fail(not_installed(error, "evaluate"), EXIT_USAGE)
    try:
        require_no_pattern(options.output)
    except StorageError as error:
        return fail(f"--output: {error}", EXIT_USAGE)
    with tempfile.TemporaryDirectory() as scratch, libraries_to_log(Path(scratch)) as (terminal, _):
        display = Display(make_console(terminal))
        with display.busy("loading TensorFlow and TFX"), loading_libraries():
            from pipeline.evaluation import EvaluateError, evaluate_models
            from tfds_voc_seg.devkit.problems import DevkitError
        try:
            evaluations = evaluate_models(
                options.models,
                options.devkit,
                display,
                split=options.split,
                drop_empty=options.drop_empty,
                on_bad_pair=options.on_bad_pair,
                output=options.output,
                trust=options.trust_model,
                engine=options.engine,
            )
        except Exception as error:
            problem = full_disk_problem(error, options.output or scratch)
            if problem is None and not isinstance(error, (EvaluateError, DevkitError, OSError)):
                raise
            display.print(f"[bold red]error:[/] {escape(problem or str(error))}")
            return EXIT_FAILED
        for evaluation in evaluations:
            if evaluation["rejected"]:
                display.print(problems_table(evaluation["rejected"]))
            display.print(class_table(evaluation))
            display.print(evaluation_table(evaluation))
    return 0
