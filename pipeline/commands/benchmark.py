"""`vocseg benchmark`."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.commands.terminal import (
    EXIT_FAILED,
    EXIT_USAGE,
    add_trust_option,
    fail,
    make_console,
    not_installed,
    number_above_0,
    place,
)

if TYPE_CHECKING:
    import argparse

    from pipeline.commands.terminal import CommandGroup

_DEFAULT_SECONDS = 1.0


def add_parser(commands: CommandGroup) -> None:
    """Adds `benchmark`."""
    benchmark = commands.add_parser(
        "benchmark",
        help="measure the speed of a published model and its targets",
        description="Measure the network of a model on this machine: its SavedModel and each target that was published "
        "with it, in batches of 1 and of 8, with one thread and with one per core. Decoding and resizing are not "
        "included.",
    )
    benchmark.add_argument(
        "model",
        type=place,
        metavar="MODEL",
        help="a SavedModel, a publishing folder (its latest version), the output folder of a run, or a folder that "
        "vocseg export wrote",
    )
    benchmark.add_argument(
        "--seconds",
        type=_seconds,
        default=_DEFAULT_SECONDS,
        metavar="S",
        help=f"how long to measure each figure (default: {_DEFAULT_SECONDS:g})",
    )
    add_trust_option(benchmark)
    benchmark.set_defaults(command=_benchmark, interrupted="interrupted")


def _seconds(text: str) -> float:
    return number_above_0(text, 3600)


def _benchmark(options: argparse.Namespace) -> int:
    try:
        from pipeline.display.library_output import libraries_to_log
        from pipeline.display.live import Display
        from pipeline.engines.benchmark import find_subjects, measure_subjects
        from pipeline.engines.selection import find_model
        from pipeline.engines.speed_table import speed_table
    except ModuleNotFoundError as error:
        return fail(not_installed(error, "benchmark", "predict"), EXIT_USAGE)
    try:
        subjects = find_subjects(find_model(options.model))
    except ValueError as error:  # no model, or a damaged target
        return fail(str(error), EXIT_USAGE)
    with tempfile.TemporaryDirectory() as scratch, libraries_to_log(Path(scratch)) as (terminal, _):
        display = Display(make_console(terminal))
        with display.busy(f"measuring {', '.join(subject.target for subject in subjects)}"):
            measured = [*measure_subjects(subjects, options.seconds, trust=options.trust_model)]
        display.print(speed_table(measured))
    problems = {each.subject.target: each.problem for each in measured if each.problem}
    for target, problem in problems.items():
        fail(f"{target} was not measured: {problem}", EXIT_FAILED)
    return EXIT_FAILED if problems else 0
