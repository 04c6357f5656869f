"""`vocseg report`, `lineage` and `rollback`: commands on the output folder of a finished run."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from components.run_files import SERVING_FOLDER
from pipeline.commands.terminal import (
    EXIT_FAILED,
    EXIT_USAGE,
    error_message,
    fail,
    local_path,
    make_console,
    not_installed,
    say,
    short_path,
    warn,
)

if TYPE_CHECKING:
    import argparse

    from pipeline.commands.terminal import CommandGroup


def add_parsers(commands: CommandGroup) -> None:
    """Adds `report`, `lineage` and `rollback`."""
    report = commands.add_parser(
        "report",
        help="regenerate the report of a run",
        description="Write OUTPUT/report/index.html from the artifacts of the latest finished run in OUTPUT.",
    )
    report.add_argument("output", type=local_path, metavar="OUTPUT", help="the output folder of `vocseg run`")
    report.set_defaults(command=_report, interrupted="interrupted; the existing report is unchanged")

    lineage = commands.add_parser(
        "lineage",
        help="show what a published model was made from",
        description="Print every artifact that a published model was made from, back to the devkit, and the node that "
        "made each of them.",
    )
    lineage.add_argument("output", type=local_path, metavar="OUTPUT", help="the output folder of `vocseg run`")
    lineage.add_argument(
        "model", nargs="?", metavar="MODEL", help="the number or folder of a version (default: the latest)"
    )
    lineage.add_argument("--json", action="store_true", dest="as_json", help="print JSON, with full hashes")
    lineage.set_defaults(command=_lineage, interrupted="interrupted")

    rollback = commands.add_parser(
        "rollback",
        help="take the newest published version out of service; the previous version is served again",
        description="Move the newest published version of a run to OUTPUT/serving/withdrawn, which TensorFlow Serving "
        "ignores, so that it serves the previous version. With --to, serve that version: newer versions are moved to "
        "withdrawn, and the version itself is moved back if it was withdrawn. Later runs do not publish a withdrawn "
        "model again.",
    )
    rollback.add_argument(
        "output", type=local_path, metavar="OUTPUT", help="the output folder of a run, such as runs/demo"
    )
    rollback.add_argument("--to", metavar="VERSION", help="the version to serve (default: the one before the newest)")
    rollback.set_defaults(
        command=_rollback, interrupted="interrupted; run the command again with --to VERSION to complete it"
    )


def _report(options: argparse.Namespace) -> int:
    try:
        from ml_metadata.errors import StatusError

        from pipeline.metadata.runs import RunNotFoundError
        from pipeline.report.page import write_report
        from tfds_voc_seg.disk_errors import full_disk_problem
    except ModuleNotFoundError as error:
        return fail(not_installed(error, "report"), EXIT_USAGE)
    try:
        page = write_report(options.output.resolve())
    except RunNotFoundError as error:
        return fail(str(error), EXIT_USAGE)
    except (OSError, ValueError) as error:
        problem = full_disk_problem(error, options.output) or f"the report cannot be written: {error}"
        return fail(problem, EXIT_FAILED)
    except StatusError as error:
        return fail(error_message(error, (StatusError,), options.output), EXIT_FAILED)
    say(short_path(page))
    return 0


def _lineage(options: argparse.Namespace) -> int:
    try:
        from ml_metadata.errors import StatusError

        from pipeline.metadata.lineage import read_lineage
        from pipeline.metadata.lineage_tree import lineage_tree
        from pipeline.metadata.runs import RunNotFoundError
    except ModuleNotFoundError as error:
        return fail(not_installed(error, "lineage"), EXIT_USAGE)
    try:
        origin = read_lineage(options.output.resolve(), options.model)
    except RunNotFoundError as error:
        return fail(str(error), EXIT_USAGE)
    except StatusError as error:
        return fail(error_message(error, (StatusError,), options.output), EXIT_FAILED)
    if options.as_json:
        say(json.dumps(origin.as_json(), indent=2, ensure_ascii=False))
    else:
        make_console(sys.stdout).print(lineage_tree(origin))
    return 0


def _rollback(options: argparse.Namespace) -> int:
    from components.model_pusher.rollback import RollbackError, rollback
    from components.run_files import WITHDRAWN_FOLDER

    serving = options.output / SERVING_FOLDER
    if not serving.is_dir():
        return fail(f"{options.output} is not the output of a run that published: it has no folder serving", EXIT_USAGE)
    try:
        done = rollback(serving, options.to, warn)
    except RollbackError as error:
        return fail(str(error), EXIT_USAGE)
    except OSError as error:
        from tfds_voc_seg.disk_errors import write_problem

        return fail(write_problem(error, serving), EXIT_FAILED)
    for version in done.withdrawn:
        say(f"version {version} is out of service; it was moved to {serving / WITHDRAWN_FOLDER / version}")
    if not (done.withdrawn or done.restored):
        say(f"version {done.in_service} is already in service; nothing was changed")
        return 0
    say(f"version {done.in_service} is in service{' again' if done.restored else ''}")
    if done.withdrawn:
        say(f"`vocseg rollback {options.output} --to {done.withdrawn[-1]}` undoes this")
    return 0
