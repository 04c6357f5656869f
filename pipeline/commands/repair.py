"""`vocseg repair`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.commands.terminal import (
    EXIT_FAILED,
    EXIT_USAGE,
    add_wait_option,
    error_message,
    fail,
    say,
    short_path,
    warn,
)

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from pipeline.commands.terminal import CommandGroup
    from pipeline.metadata.repair import Repair


def add_parser(commands: CommandGroup) -> None:
    """Adds `repair`."""
    parser = commands.add_parser(
        "repair",
        help="find damaged files in the output folder of a run, and replace the database if it is damaged",
        description="Read every artifact in OUTPUT and compare it with its manifest; check the database. A damaged "
        "artifact is marked, so that the next `vocseg run` makes it again. A damaged or missing database is built "
        "again from the records of the executions, and what cannot be restored is listed. No file is deleted, and "
        "published versions are not changed.",
    )
    parser.add_argument("output", type=Path, metavar="OUTPUT", help="the output folder of `vocseg run`")
    add_wait_option(parser)
    parser.set_defaults(command=_repair, interrupted="interrupted; run the command again to complete it")


def _repair(options: argparse.Namespace) -> int:
    from components.locks import LockedError, locked
    from pipeline.metadata.database import DatabaseError
    from pipeline.metadata.repair import repair

    if not options.output.is_dir():
        return fail(f"{options.output} is not a folder; name the output folder of a run", EXIT_USAGE)
    try:
        with locked(options.output, "vocseg repair", wait=options.wait, on_wait=warn):
            done = repair(options.output.resolve())
    except (LockedError, DatabaseError) as error:
        return fail(error_message(error, (LockedError, DatabaseError), options.output), EXIT_FAILED)
    except OSError as error:
        from tfds_voc_seg.disk_errors import write_problem

        return fail(write_problem(error, options.output), EXIT_FAILED)
    for line in _lines(done):
        say(line)
    return 0


def _lines(done: Repair) -> Iterator[str]:
    for problem in done.damaged.values():
        yield f"damaged: {problem}"
    yield f"{done.intact} artifacts are intact, {len(done.damaged)} damaged"
    if done.database is not None:
        yield f"the database is damaged ({done.database_damage}); it is now {short_path(done.database)}"
    if done.restored:
        yield f"{done.restored} executions were missing in the database; they were restored from their records"
    for sentence in done.lost:
        yield f"lost: {sentence}"
    if done.database is not None and not done.restored:
        yield (
            "lost: the lineage of earlier versions and the cache, so that all nodes run again; "
            "kept: the published versions, the artifacts and the states of unfinished trainings"
        )
    if done.damaged or done.database is not None:
        yield "run the same `vocseg run` again to replace what is damaged"
