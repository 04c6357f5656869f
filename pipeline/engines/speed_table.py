"""The table that `vocseg benchmark` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.engines.benchmark import Measurement


def speed_table(measured: Sequence[Measurement]) -> Table:
    """Returns a table with one row per target, number of threads and batch size, without what failed."""
    table = Table(title="The network alone, on images of its size", title_justify="left")
    table.add_column("target")
    for heading in ("MB", "threads", "batch", "ms per image", "images per second", "load s", "peak MB"):
        table.add_column(heading, justify="right")
    for each in measured:
        for number, speed in enumerate(each.speeds):
            table.add_row(
                each.subject.target,
                f"{each.subject.bytes / 1e6:.2f}",
                str(each.threads),
                str(speed.batch),
                f"{speed.milliseconds:.2f}",
                f"{1000 / speed.milliseconds:.1f}",
                *(("", "") if number else (f"{each.load_seconds:.2f}", f"{each.peak_bytes / 1e6:.0f}")),
            )
    return table
