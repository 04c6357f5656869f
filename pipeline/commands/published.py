"""`vocseg report`, `lineage` and `rollback`: what a finished run left."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from components.run_files import SERVING_FOLDER
from pipeline.commands.terminal import EXIT_FAILED, EXIT_USAGE, LOG_WIDTH, fail, not_installed, shown


def add_parsers(commands: Any) -> None:
    """Adds `report`, `lineage` and `rollback`."""
    report = commands.add_parser(
        "report",
        help="write the report of a run anew",
        description="Write OUTPUT/report/index.html from what the latest finished run left in OUTPUT.",
    )
    report.add_argument("output", type=Path, metavar="OUTPUT", help="what `vocseg run` wrote to")
    report.set_defaults(command=_report, interrupted="interrupted; the report that was there stays")

    lineage = commands.add_parser(
        "lineage",
        help="say where a published model comes from",
        description="Print every artifact that a published model was made from, back to the devkit, with what made it.",
    )
    lineage.add_argument("output", type=Path, metavar="OUTPUT", help="what `vocseg run` wrote to")
    lineage.add_argument("model", nargs="?", metavar="MODEL", help="a version's number or folder (default: the latest)")
    lineage.add_argument("--json", action="store_true", dest="as_json", help="print JSON, with hashes in full")
    lineage.set_defaults(command=_lineage, interrupted="interrupted")

    rollback = commands.add_parser(
        "rollback",
        help="take the newest published version out of service, so that the one before is served",
        description="Move the newest published version of a run to OUTPUT/serving/withdrawn, whole, where TensorFlow "
        "Serving does not look: it then serves the version before. With --to, serve that version: newer ones are "
        "moved there, and one that lies there is put back. A later run does not publish a withdrawn model again.",
    )
    rollback.add_argument("output", type=Path, metavar="OUTPUT", help="a run's output folder, such as runs/demo")
    rollback.add_argument("--to", metavar="VERSION", help="the version to serve (default: the one before the newest)")
    rollback.set_defaults(command=_rollback, interrupted="interrupted; the same command with --to VERSION goes on")


def _report(options: argparse.Namespace) -> int:
    try:
        from pipeline.metadata.runs import RunNotFoundError
        from pipeline.report.page import write_report
    except ModuleNotFoundError as error:
        return fail(not_installed(error, "report"), EXIT_USAGE)
    try:
        page = write_report(options.output.resolve())
    except RunNotFoundError as error:
        return fail(str(error), EXIT_USAGE)
    except (OSError, ValueError) as error:
        return fail(f"the report can't be written: {error}", EXIT_FAILED)
    print(shown(page))  # noqa: T201
    return 0


def _lineage(options: argparse.Namespace) -> int:
    try:
        from rich.console import Console

        from pipeline.metadata.lineage import lineage, lineage_tree
        from pipeline.metadata.runs import RunNotFoundError
    except ModuleNotFoundError as error:
        return fail(not_installed(error, "lineage"), EXIT_USAGE)
    try:
        origin = lineage(options.output.resolve(), options.model)
    except RunNotFoundError as error:
        return fail(str(error), EXIT_USAGE)
    if options.as_json:
        print(json.dumps(origin.as_json(), indent=2, ensure_ascii=False))  # noqa: T201
    else:
        width = None if sys.stdout.isatty() else LOG_WIDTH
        Console(highlight=False, width=width).print(lineage_tree(origin))
    return 0


def _rollback(options: argparse.Namespace) -> int:
    from components.model_pusher.rollback import RollbackError, rollback
    from components.run_files import WITHDRAWN_FOLDER

    serving = options.output / SERVING_FOLDER
    if not serving.is_dir():
        return fail(f"{options.output} is not the output of a run that published: it has no folder serving", EXIT_USAGE)
    try:
        done = rollback(serving, options.to)
    except (RollbackError, OSError) as error:
        return fail(str(error), EXIT_USAGE)
    for version in done.withdrawn:
        print(f"version {version} is out of service; it is kept, whole, in {serving / WITHDRAWN_FOLDER / version}")  # noqa: T201
    if not (done.withdrawn or done.restored):
        print(f"version {done.in_service} was in service already; nothing was changed")  # noqa: T201
        return 0
    print(f"version {done.in_service} is in service{' again' if done.restored else ''}")  # noqa: T201
    if done.withdrawn:
        print(f"`vocseg rollback {options.output} --to {done.withdrawn[-1]}` undoes this")  # noqa: T201
    return 0
