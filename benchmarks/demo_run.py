"""`vocseg run` on the embedded sample: the time around the nodes' work, further runs from the cache, and the memory.

    python -m benchmarks.demo_run

Each run starts the command in a new process. The reference is a bare `import tfx.v1`, with which the programs of TFX's
own templates begin. The full run is that of the preset `demo`; the quick one trains one epoch on a quarter of the
sample's train images: what the nodes' executors do, such as training, is not counted as orchestration. The val images
are the same. The second run evaluates again, because there is a model in service to compare with; the third one takes
all but the look at that model from the cache. The kernel's share is that of the CPU time of the first run, with all
processes that it starts: what moving memory, and threads that wake each other, cost.
"""

from __future__ import annotations

import dataclasses
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.measuring.command import main
from benchmarks.measuring.row import Row, Target
from benchmarks.measuring.timing import PYTHON, VOCSEG, time_and_peak

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.measuring.options import Options

REFERENCE = "`import tfx.v1`"
QUICK = ["--set", "training.epochs=1", "--set", "sample.train_images=120"]


@dataclasses.dataclass(frozen=True)
class Round:
    """Three runs with the same settings, and the reference; times in seconds, memory in GB, shares in percent.

    Attributes:
        reference: time, peak memory and the kernel's share of `import tfx.v1`.
        first: the same of the first run.
        work: time of the nodes' executors in the first run.
        again: time of the second and of the third run, and how many of their nodes came from the cache.
        summary: `summary.json` of the first run.
    """

    reference: tuple[float, float, float]
    first: tuple[float, float, float]
    work: float
    again: tuple[tuple[float, int], ...]
    summary: dict[str, Any]


def rows(options: Options) -> Iterator[Row]:
    """Yields the rows of the orchestration, of the further runs and of the memory."""
    overrides = options.size([], QUICK)
    rounds = [one_round(overrides) for _ in range(options.rounds_of(3, 1))]
    last = rounds[-1]
    metrics = ", ".join(f"{name} {figures['mean_iou']:.3f}" for name, figures in last.summary["candidates"].items())
    yield Row(
        "orchestration of `vocseg run` on the sample",
        REFERENCE,
        "s",
        tuple((each.first[0] - each.work, each.reference[0]) for each in rounds),
        Target(45, of="value"),
        f"the run took {last.first[0]:.0f} s, of which the nodes' executors {last.work:.0f} s; mIoU: {metrics}",
    )
    for position, which in enumerate(("second", "third")):
        yield Row(
            f"{which} `vocseg run` on the sample",
            REFERENCE,
            "s",
            tuple((each.again[position][0], each.reference[0]) for each in rounds),
            Target(20, of="value"),
            f"{last.again[position][1]} of {len(last.summary['seconds'])} nodes from the cache",
        )
    memory, kernel = (tuple((each.first[of], each.reference[of]) for each in rounds) for of in (1, 2))
    yield Row("peak memory of `vocseg run` on the sample", REFERENCE, "GB", memory)
    limit = None if options.quick else Target(8, of="value")  # a short training does not outweigh the imports
    yield Row("the kernel's share of a `vocseg run` on the sample", REFERENCE, "%", kernel, limit)


def one_round(overrides: list[str]) -> Round:
    """Measures the reference and three runs in a new output folder, with these overrides of the preset."""
    from components.run_files import SUMMARY_FILE

    with tempfile.TemporaryDirectory() as scratch:
        work, output = Path(scratch) / "work", Path(scratch) / "output"
        run = ["run", "--output", str(output), *overrides]
        reference = _measured(PYTHON, "-c", "import tfx.v1")
        first = _measured(PYTHON, "-m", "benchmarks.measuring.timed_nodes", str(work), *run)
        summary = json.loads((output / SUMMARY_FILE).read_text())
        again = []
        for _ in range(2):
            seconds = time_and_peak(*VOCSEG, *run)[0]
            again.append((seconds, len(json.loads((output / SUMMARY_FILE).read_text())["cached"])))
        return Round(reference, first, float(work.read_text()), tuple(again), summary)


def _measured(*command: str) -> tuple[float, float, float]:
    """Runs a command; returns its time in seconds, its peak memory in GB, the kernel's share of its CPU time in %."""
    before = os.times()
    taken, peak = time_and_peak(*command)
    after = os.times()
    user, kernel = after.children_user - before.children_user, after.children_system - before.children_system
    return taken, peak, 100 * kernel / (user + kernel)


if __name__ == "__main__":
    main(rows)
