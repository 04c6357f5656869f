"""The record of an interrupted push and the report, with faults, on an output folder that was made without a run.

`python -m tests.faults.records_driver FOLDER SEED COUNT` injects COUNT faults of each kind into each step, 0 for all,
and prints JSON: the number of faults by step and kind, and the violations.
"""

from __future__ import annotations

import contextlib
import json
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pipeline.report.page  # noqa: F401  (here, so that the child processes need not import it)
from components.manifest import find_damage
from components.run_files import ARTIFACTS_FOLDER, PUBLICATION_FILE, REPORT_FILE, SERVING_FOLDER
from pipeline.cli import main as vocseg
from pipeline.local.interrupted_push import complete_interrupted_pushes
from tests.components.model_pusher.version_folders import write_model
from tests.faults import run_checks
from tests.faults.campaign import Scenario, run_scenarios, with_message
from tests.pipeline.made_run import MadeRun, write_whole_run

if TYPE_CHECKING:
    from collections.abc import Iterator

_VERSION = "1700000000"


def _publish_without_a_record(output: Path) -> Path:
    """Makes the state after a kill between the rename and the commit; returns the PushedModel artifact."""
    run = MadeRun(output)
    run.begin("killed")
    run.node("Pusher", {}, state="failed")
    (execution,) = run.store.get_executions()
    pushed_model = output / ARTIFACTS_FOLDER / "Pusher" / "pushed_model" / str(execution.id)
    write_model(pushed_model)
    version = write_model(output / SERVING_FOLDER / _VERSION)
    (version / PUBLICATION_FILE).write_text(json.dumps({"pushed_model": str(pushed_model)}))
    return pushed_model


def _wrong_records(output: Path, pushed_model: Path) -> Iterator[str]:
    recorded = run_checks.pushed_versions(output)
    if recorded != [_VERSION]:
        yield f"the metadata name the versions {recorded}"
    if damage := find_damage(pushed_model, digests="all"):
        yield damage


def _incomplete_report(output: Path) -> Iterator[str]:
    if not (output / REPORT_FILE).read_text().rstrip().endswith("</html>"):
        yield "the report is incomplete"


def _scenarios(output: Path) -> Iterator[Scenario]:
    """Yields the steps; each one's state must be used before the next one is made."""
    wrong = partial(_wrong_records, output, _publish_without_a_record(output))
    always = partial(run_checks.always_true, output)
    complete = partial(with_message, output, partial(complete_interrupted_pushes, output))
    yield Scenario("interrupted push", output, complete, always, wrong, complete)
    write_whole_run(output)
    report, incomplete = partial(vocseg, ["report", str(output)]), partial(_incomplete_report, output)
    with contextlib.redirect_stdout(sys.stderr):  # standard output has the result alone
        if report():
            raise RuntimeError("the report could not be written")
    yield Scenario("report", output, report, incomplete, incomplete, report)


if __name__ == "__main__":
    run_scenarios(_scenarios(Path(sys.argv[1]) / "output"), int(sys.argv[2]), int(sys.argv[3]))
