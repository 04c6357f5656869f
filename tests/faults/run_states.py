"""Output folders of `vocseg run` in the states from which faults are injected.

This module imports TensorFlow and TFX, so that the child processes that are forked later need not.
"""

from __future__ import annotations

import json
import shutil
from functools import partial
from typing import TYPE_CHECKING

import pipeline.local.runner
import pipeline.report.page  # noqa: F401  (here, so that the child processes need not import it)
from pipeline.cli import main as vocseg
from tests.e2e.known_networks import Workspace
from tests.faults import run_artifacts, run_checks
from tests.faults.campaign import run_child
from tests.faults.disk_faults import NEVER
from tests.faults.observer import read_report

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


class Runs:
    """Output folders in the states from which the scenarios start.

    Attributes:
        workspace: the networks and the configuration of the runs.
        output: the output folder of all runs.
        mean_iou: network → the mean IoU that each run measures for it.
        tested: the digests of the models that have passed the smoke test in any run.
        better: the pairs of models of which one has beaten the other in any run, see `better_models`.
    """

    def __init__(self, folder: Path):
        self.workspace = Workspace(folder)
        self.output = self.workspace.output
        self._presets = {network: folder / f"{network}.yaml" for network in ("worse", "good")}
        for network, preset in self._presets.items():
            self.workspace.config(network)
            self.workspace.preset.rename(preset)
        self._states = folder / "states"
        self.mean_iou: dict[str, float] = {}
        self.tested: set[str] = set()
        self.better: set[tuple[str, str]] = set()

    def run(self, network: str, *options: str) -> int:
        """Runs `vocseg run` with one candidate."""
        return vocseg(["run", "--preset", str(self._presets[network]), *options])

    def start(self, state: str) -> None:
        """Makes the output folder; a state is made when it is first needed."""
        saved = self._states / state
        if not saved.exists():
            getattr(self, f"_make_{state}")()
            saved.parent.mkdir(exist_ok=True)
            self.output.rename(saved)
        copy = self.output.with_name("copy")
        shutil.copytree(saved, copy)
        copy.rename(self.output)  # in one step, because an observer may look at it
        self.note_models()

    def _make_empty(self) -> None:
        self.output.mkdir()

    def _make_finished(self) -> None:
        """A run has published the network `worse`."""
        self.output.mkdir()
        self._succeed("worse")

    def _make_settled(self) -> None:
        """The finished run, and the same command again: now the model in service is in the cache, too."""
        self.start("finished")
        self._succeed("worse")

    def _make_unpublished(self) -> None:
        """The finished run without its publishing folder, and without the summary that names its version."""
        self.start("finished")
        shutil.rmtree((self.output / "serving").rename(self.output.with_name("gone")))
        (self.output / "summary.json").unlink()

    def _succeed(self, network: str) -> None:
        ended = run_child(self.output, partial(self.run, network), "kill", NEVER)
        if ended.status:
            raise RuntimeError(f"the run of {network} ended with {ended.status}: {ended.printed}")
        self._note_mean_iou(network)

    def _note_mean_iou(self, network: str) -> None:
        summary = json.loads((self.output / "summary.json").read_text())
        self.mean_iou[network] = summary["candidates"][network]["mean_iou"]

    def note_models(self) -> None:
        """Notes which models have passed the smoke test, and which have beaten which."""
        self.tested |= run_artifacts.tested_models(self.output)
        self.better |= run_artifacts.better_models(self.output)

    def wrongly_served(self, report: Path) -> Iterator[str]:
        """Yields what an observer saw in the publishing folder and should not have: serving and order."""
        for seen in read_report(report):
            if seen.get("digest") not in self.tested:
                problem = seen.get("problem", "a model that has not passed the smoke test")
                yield f"an observer saw version {seen['version']}: {problem}"
            elif (seen["after"], seen["digest"]) not in self.better:
                yield f"an observer saw version {seen['version']}, which did not beat the version in service before it"

    def finished(self, network: str, versions: int | None) -> Iterable[str]:
        """Yields what is wrong after a run has ended with success."""
        if network not in self.mean_iou:
            self._note_mean_iou(network)
        self.note_models()
        return run_checks.finished(self.output, f"bar_nets:{network}", versions, self.mean_iou[network])
