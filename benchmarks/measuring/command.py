"""The command line of the benchmarks, one of them or all."""

from __future__ import annotations

import argparse
import gc
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measuring.machine import describe_machine, installed_versions
from benchmarks.measuring.options import Options
from benchmarks.measuring.results import Results, write_results
from benchmarks.measuring.table import number, results_text, target_text
from tfds_voc_seg.devkit.folders import find_devkit
from tfds_voc_seg.devkit.problems import DevkitError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.measuring.row import Row


def main(rows: Callable[[Options], Iterator[Row]]) -> None:
    """Runs one benchmark as a command: measures its rows and prints the table.

    Args:
        rows: yields the rows, as each benchmark's function of this name.
    """
    description = (sys.modules[rows.__module__].__doc__ or "").strip()
    parser = argument_parser(description)
    arguments = parser.parse_args()
    options, machine, measured = options_of(parser, arguments), describe_machine(), []
    for row in rows(options):
        shown = f"{number(row.value)} {row.unit}; {row.reference}: {number(row.reference_value)} {row.unit}"
        target = f"; target {target_text(row)}" if row.target else ""
        print(f"measured: {row.name}: {shown}{target}", file=sys.stderr, flush=True)
        measured.append(row)
    results = Results(tuple(measured), machine, installed_versions(), quick=options.quick, devkit=bool(options.devkit))
    print(results_text(results))
    if arguments.json:
        write_results(arguments.json, results)
    gc.freeze()  # so that Python ends at once, and does not search for garbage in the libraries before


def argument_parser(description: str) -> argparse.ArgumentParser:
    """Makes the parser of the arguments that all benchmarks take."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("devkit", nargs="?", type=Path, metavar="DEVKIT", help="measure on this VOC devkit")
    parser.add_argument("--model", type=Path, help="a published model to measure in addition, in videos")
    parser.add_argument("--quick", action="store_true", help="smaller sizes and fewer rounds")
    parser.add_argument("--rounds", type=positive, help="how often each pair is measured")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results to this file as well")
    return parser


def options_of(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> Options:
    """Checks the arguments that all benchmarks take; a devkit that does not exist ends the process with a message."""
    try:
        devkit = find_devkit(arguments.devkit) if arguments.devkit else None
    except DevkitError as error:
        parser.error(str(error))
    return Options(devkit, arguments.model, quick=arguments.quick, rounds=arguments.rounds)


def positive(text: str) -> int:
    """Reads a positive whole number.

    Raises:
        argparse.ArgumentTypeError: it is not one.
    """
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"a number of 1 or more is needed, got {text!r}")
    return int(text)
