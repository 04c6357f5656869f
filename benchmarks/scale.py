"""How the conversion grows with the number of pairs: CPU time, peak memory, and the size of the records.

    python -m benchmarks.scale [VOCdevkit/VOC2012]

Links make 2,900 and 29,000 pairs of 290: scenes as those of the embedded sample, but with at most 96 pixels, or the
first pairs of a devkit. They become records of 32 pixels and five classes, in one process in which Beam runs too, and
which is a new one for each number of pairs.

CPU time is measured, since other work of the machine changes it less than the time that passes. It is given per further
pair, so that the start of the job does not count: from 2,900 to 29,000 pairs, compared with 290 to 2,900. The last row
has the conversion of photos whose longer side has 500 pixels, as VOC's, to records of 300 pixels and 21 classes.
"""

from __future__ import annotations

import dataclasses
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.conversion import convert
from benchmarks.measuring.command import main
from benchmarks.measuring.linked_devkit import write_linked_devkit
from benchmarks.measuring.memory import GROWTH, peak_memory_of_process
from benchmarks.measuring.row import Row, Target
from benchmarks.measuring.timing import in_new_process
from tfds_voc_seg.sample.devkit import write_sample_devkit
from tfds_voc_seg.sample.scenes import SAMPLE_CLASSES
from tfds_voc_seg.sample.style import SceneStyle

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.measuring.options import Options

LINEAR = Target(1.1)
"""Time counts as linear if a further pair among many takes at most 10 % more than one among few."""

_FIRST = 4


@dataclasses.dataclass(frozen=True)
class Pixels:
    """The size of the pairs.

    Attributes:
        photos: of the photos, if they are drawn.
        records: of a side of a record.
        classes: the classes besides the background; `None` for those of VOC.
    """

    photos: SceneStyle
    records: int
    classes: tuple[str, ...] | None = None


SMALL = Pixels(SceneStyle(long_side=(64, 96)), 32, SAMPLE_CLASSES)
LARGE = Pixels(SceneStyle(long_side=(500, 500)), 300)


@dataclasses.dataclass(frozen=True)
class Cost:
    """What a conversion needed.

    Attributes:
        seconds: CPU time of all threads, without importing the libraries.
        peak: memory of the process in GB.
        size: of all records in kB.
    """

    seconds: float
    peak: float
    size: float


def rows(options: Options) -> Iterator[Row]:
    """Yields the rows of the time, of the memory and of the records' size, and that of large pairs."""
    copies: tuple[int, ...] = options.size((1, 10, 100), (1, 3, 9))
    pairs = options.size(290, 20)
    counts = [pairs * number for number in copies]
    costs = measure(options.devkit, SMALL, pairs, copies)
    yield time_row(counts, costs)
    what, few = f"{counts[-1]:,} pairs at {SMALL.records} pixels", f"the same with {counts[0]:,} pairs"
    yield Row(f"peak memory of conversion, {what}", few, "GB", ((costs[-1].peak, costs[0].peak),), GROWTH)
    sizes = [cost.size / count for cost, count in zip(costs, counts, strict=True)]
    yield Row(f"records on disk, {what}", few, "kB/pair", ((sizes[-1], sizes[0]),), GROWTH)

    further = counts[1] - counts[0]
    large = measure(options.devkit, LARGE, pairs, copies[:2])
    times = [1000 * (second.seconds - first.seconds) / further for first, second in (large, costs[:2])]
    name, reference = f"conversion at {LARGE.records} pixels, 21 classes", f"at {SMALL.records} pixels, 6 classes"
    remark = f"a record has {large[0].size / counts[0]:.0f} kB"
    yield Row(f"CPU time of {name}", reference, "ms/pair", ((times[0], times[1]),), remark=remark)


def time_row(counts: Sequence[int], costs: Sequence[Cost]) -> Row:
    """Returns the row of the time per further pair: between the two larger counts, compared with the two smaller."""
    spent = [cost.seconds for cost in costs]
    later, earlier = (1000 * (spent[at + 1] - spent[at]) / (counts[at + 1] - counts[at]) for at in (1, 0))
    few, more, most = (f"{count:,}" for count in counts)
    remark = f"{spent[0]:.1f}, {spent[1]:.1f} and {spent[2]:.1f} s for {few}, {more} and {most} pairs"
    name = f"CPU time of conversion per further pair, {more} to {most}"
    return Row(name, f"from {few} to {more} pairs", "ms/pair", ((later, earlier),), LINEAR, remark)


def measure(devkit: Path | None, pixels: Pixels, pairs: int, copies: Sequence[int]) -> list[Cost]:
    """Converts devkits of several sizes, each in a new process.

    Args:
        devkit: the devkit whose pairs are used; without one, scenes are drawn.
        pixels: the size of the pairs.
        pairs: how many pairs are copied.
        copies: how often each of them occurs, per devkit.

    Returns:
        The cost per devkit.
    """
    costs = []
    with tempfile.TemporaryDirectory() as scratch:
        source = devkit or Path(scratch) / "drawn"
        if devkit is None:
            write_sample_devkit(source, train_images=pairs, val_images=1, style=pixels.photos)
        for number in copies:
            folder = Path(scratch) / str(number)
            write_linked_devkit(source, folder / "VOC2012", {"train": pairs, "val": 1}, number)
            costs.append(in_new_process(conversion_cost, folder, pixels))
            print(f"{pairs * number:,} pairs: {costs[-1]}", file=sys.stderr, flush=True)
    return costs


def conversion_cost(folder: Path, pixels: Pixels) -> Cost:
    """Converts the devkit `VOC2012` of a folder to records beside it, in this process, which should be a new one.

    A first conversion of few pairs, whose time does not count, loads all libraries.
    """
    from tfds_voc_seg.devkit.splits import read_split
    from tfds_voc_seg.record_config import RecordConfig

    devkit, config = folder / "VOC2012", RecordConfig(pixels.records, pixels.classes)
    convert(read_split(devkit, "train").pairs[:_FIRST], folder / "first", 1, config)
    started = time.process_time()
    convert(read_split(devkit, "train").pairs, folder / "records", 1, config)
    spent = time.process_time() - started
    return Cost(
        spent, peak_memory_of_process(), sum(file.stat().st_size for file in (folder / "records").iterdir()) / 1e3
    )


if __name__ == "__main__":
    main(rows)
