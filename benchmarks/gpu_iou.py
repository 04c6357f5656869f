"""Compares what a run on a GPU reached with the targets: the mean IoU of a candidate, and the time of its training.

    python -m benchmarks.gpu_iou OUTPUT CANDIDATE LOWEST_MEAN_IOU

OUTPUT is the output folder of `vocseg run`. Prints a line per target; the exit status is 1 if one is missed.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from components.run_files import SUMMARY_FILE

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_TRAIN_SECONDS = 480


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the lines; returns 0 if all targets are met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("candidate")
    parser.add_argument("lowest", type=float)
    options = parser.parse_args(arguments)
    summary = json.loads((options.output / SUMMARY_FILE).read_text())
    figures = summary["candidates"][options.candidate]
    mean_iou, seconds = figures["mean_iou"] or 0.0, figures["train_seconds"]  # none if the smoke test failed
    name, split = options.candidate, summary["evaluation_split"]
    lines = (
        (f"mean IoU of {name} on {split}: {mean_iou:.3f}; target ≥ {options.lowest:g}", mean_iou >= options.lowest),
        (f"training of {name}: {seconds:.0f} s; target ≤ {MOST_TRAIN_SECONDS} s", seconds <= MOST_TRAIN_SECONDS),
    )
    for text, is_met in lines:
        print(f"{text}: {'met' if is_met else 'NOT MET'}")
    return 0 if all(is_met for _, is_met in lines) else 1


if __name__ == "__main__":
    sys.exit(main())
