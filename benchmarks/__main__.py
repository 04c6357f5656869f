"""Runs the benchmarks, each in a process of its own, and prints one table.

    python -m benchmarks [DEVKIT] [--only NAME ...] [--quick] [--json FILE]

Each row compares the time or the memory of something with that of a reference: independent code that does the same,
measured in turns in the same process. Less is better, and a ratio below 1 means less than the reference.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measuring.command import argument_parser, options_of
from benchmarks.measuring.machine import describe_machine, installed_versions
from benchmarks.measuring.results import Results, ResultsError, read_results, write_results
from benchmarks.measuring.table import results_text

if TYPE_CHECKING:
    from benchmarks.measuring.options import Options
    from benchmarks.measuring.row import Row

BENCHMARKS = (
    "conversion",
    "conversion_memory",
    "scale",
    "reading",
    "input_pipeline",
    "coco_import",
    "training",
    "gpu_rates",
    "evaluation",
    "allocator",
    "start_up",
    "prediction",
    "video",
    "engines",
    "demo_run",
    "kubeflow_compile",
)
"""The modules, in the order of the table."""

NOT_QUICK = ("conversion_memory", "scale", "allocator", "kubeflow_compile")
"""The modules that a quick run leaves out, unless they are named: most of their time is the start of processes."""


def measure(name: str, options: Options, file: Path) -> tuple[Row, ...]:
    """Runs a benchmark in a new process and returns its rows.

    Args:
        name: of the module.
        options: what to measure.
        file: where the process writes its results.

    Raises:
        ResultsError: the process failed.
    """
    command = [sys.executable, "-m", f"benchmarks.{name}", *options.to_arguments(), "--json", str(file)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        last = (ended.stderr.strip() or "no message").splitlines()[-1]
        raise ResultsError(f"{name} ended with status {ended.returncode}: {last}")
    return read_results(file).rows


def main() -> int:
    """Measures and prints the table; returns 1 if a benchmark failed."""
    parser = argument_parser(__doc__ or "")
    parser.add_argument(
        "--only",
        action="append",
        choices=BENCHMARKS,
        metavar="NAME",
        help=f"measure this benchmark only; can be repeated: {', '.join(BENCHMARKS)}",
    )
    arguments = parser.parse_args()
    options, machine = options_of(parser, arguments), describe_machine()
    rows: list[Row] = []
    failed = []
    with tempfile.TemporaryDirectory() as scratch:
        for name in arguments.only or [each for each in BENCHMARKS if not options.quick or each not in NOT_QUICK]:
            print(f"{name} …", end=" ", file=sys.stderr, flush=True)
            started = time.monotonic()
            try:
                rows += measure(name, options, Path(scratch) / f"{name}.json")
            except ResultsError as error:
                failed.append(str(error))
            print(f"{time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    results = Results(tuple(rows), machine, installed_versions(), quick=options.quick, devkit=bool(options.devkit))
    print(results_text(results))
    if arguments.json:
        write_results(arguments.json, results)
    for line in failed:
        print(f"not measured: {line}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
