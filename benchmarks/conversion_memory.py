"""Peak memory of the conversion: it does not grow with the number of pairs.

    python -m benchmarks.conversion_memory [VOCdevkit/VOC2012]

Converts a short list of pairs and one ten times as long (the devkit's list repeated) at 300 × 300 pixels and 21
classes, each in a new process in which Beam runs too.
"""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.conversion import convert
from benchmarks.measuring.command import main
from benchmarks.measuring.data import devkit_and_scratch
from benchmarks.measuring.memory import flat_memory, peak_memory_of_process

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.measuring.options import Options
    from benchmarks.measuring.row import Row


def rows(options: Options) -> Iterator[Row]:
    """Yields the row of the memory."""
    with devkit_and_scratch(options, train_images=options.size(300, 40), val_images=1) as (devkit, _):
        yield flat_memory("conversion", "pairs", peak_memory, options.size((600, 6_000), (40, 400)), options, devkit)


def peak_memory(count: int, devkit: Path) -> float:
    """Converts `count` pairs in this process and returns its peak memory in GB."""
    from tfds_voc_seg.devkit.splits import read_splits

    pairs = tuple(itertools.islice(itertools.cycle(read_splits(devkit)["train"].pairs), count))
    with tempfile.TemporaryDirectory() as folder:
        convert(pairs, Path(folder) / "records", processes=1)
    return peak_memory_of_process()


if __name__ == "__main__":
    main(rows)
