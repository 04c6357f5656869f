"""Shows the nodes of a run and their progress on the terminal."""

from __future__ import annotations

import contextlib
import io
import time
from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, SpinnerColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as ProgressBars

from pipeline.display.console import PrintableConsole

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from components.progress import Progress

_FIGURE_NAMES = {
    "loss": "loss",
    "mean_iou": "mIoU",
    "val_loss": "val loss",
    "val_mean_iou": "val mIoU",
}


class Display:
    """Shows the nodes, a progress bar for the current work, and a line per finished epoch."""

    def __init__(self, console: Console):
        self._console = console
        # Records the permanent output, without the frames of the progress bars.
        self._record = PrintableConsole(
            file=io.StringIO(), record=True, highlight=False, width=console.width, force_terminal=True
        )
        self._bars = ProgressBars(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[figures]}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            redirect_stdout=False,  # the output of libraries goes to the log
            redirect_stderr=False,
            disable=not console.is_terminal,
        )
        self._task: TaskID | None = None
        self._description = ""
        self._started = 0.0

    def print(self, *lines: Any) -> None:
        """Prints lines with rich's markup, or tables, above the progress bars."""
        for console in (self._console, self._record):
            console.print(*lines, soft_wrap=True)

    def save_picture(self, path: str) -> None:
        """Saves all printed lines and tables as an SVG picture."""
        self._record.save_svg(path, title="vocseg run")

    @contextlib.contextmanager
    def live(self) -> Iterator[None]:
        """Shows the progress bars inside the `with` block."""
        with self._bars:
            yield

    @contextlib.contextmanager
    def busy(self, description: str) -> Iterator[None]:
        """Shows a bar without an end, for work of unknown length, inside the `with` block."""
        with self._bars:
            task = self._bars.add_task(description, total=None, figures="")
            yield
            self._bars.remove_task(task)

    def node_started(self, node: str) -> None:
        """Prints that a node has started."""
        self.print(f"[bold cyan]▶[/] {node}")

    def node_finished(self, node: str, seconds: float, *, cached: bool) -> None:
        """Prints how long a node took, or that its result came from the cache."""
        self._remove_bar()
        outcome = "unchanged, result from the cache" if cached else f"{seconds:.1f} s"
        self.print(f"[bold green]✓[/] {node} [dim]{outcome}[/]")

    def node_failed(self, node: str) -> None:
        """Prints that a node has failed."""
        self._remove_bar()
        self.print(f"[bold red]✗[/] {node} failed")

    def progress(self, progress: Progress) -> None:
        """Updates the progress bar; prints a line if an epoch has finished."""
        if progress.task != self._description:
            self._remove_bar()
            self._description, self._started = progress.task, time.monotonic()
            self._task = self._bars.add_task(progress.task, total=progress.total, figures="")
        if self._task is not None:
            figures = f"{progress.done}/{progress.total}  {_figures(progress) or self._rate(progress)}"
            self._bars.update(self._task, completed=progress.done, figures=figures)
        if "val_loss" in progress.values:
            self.print(f"  [dim]{progress.task}[/]  {_figures(progress)}")

    def _rate(self, progress: Progress) -> str:
        elapsed = time.monotonic() - self._started
        rate = progress.done / elapsed if elapsed > 0 else 0
        return f"{rate:.{0 if rate >= 10 else 1}f}/s" if rate else ""

    def _remove_bar(self) -> None:
        if self._task is not None:
            self._bars.remove_task(self._task)
        self._task, self._description = None, ""


def _figures(progress: Progress) -> str:
    return "  ".join(
        f"{name} {float(progress.values[key]):.3f}" for key, name in _FIGURE_NAMES.items() if key in progress.values
    )
