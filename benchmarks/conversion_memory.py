"""Peak memory of the conversion: it does not grow with the number of pairs.

    python -m benchmarks.conversion_memory [VOCdevkit/VOC2012]

Converts a list of 600 pairs and one of 6,000 (the devkit's list repeated) at 300 × 300 pixels and 21 classes, each in a
new process in which Beam runs too. Without an argument it measures on a sample devkit.
"""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path

from benchmarks._measuring import devkit_and_scratch, peak_memory_of_process, print_peaks
from benchmarks.conversion import convert
from tfds_voc_seg.devkit.splits import read_splits

SIZES = (600, 6_000)


def peak_memory(devkit: Path, count: int) -> float:
    """Converts `count` pairs in this process and returns its peak memory in GB."""
    pairs = tuple(itertools.islice(itertools.cycle(read_splits(devkit)["train"].pairs), count))
    with tempfile.TemporaryDirectory() as folder:
        convert(pairs, Path(folder))
    return peak_memory_of_process()


def main() -> None:
    """Measures and prints the table."""
    with devkit_and_scratch(train_images=300, val_images=1) as (devkit, _):
        print_peaks("pairs", peak_memory, devkit, SIZES)


if __name__ == "__main__":
    main()
