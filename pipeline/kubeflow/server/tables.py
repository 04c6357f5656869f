"""How runs on a server are shown in a terminal."""

from __future__ import annotations

from collections.abc import Iterable

from rich.markup import escape
from rich.table import Table

from pipeline.kubeflow.server.recurring import RecurringRun
from pipeline.kubeflow.server.runs import Node, Run

_COLOURS = {"SUCCEEDED": "green", "FAILED": "bold red", "CANCELED": "yellow", "RUNNING": "cyan"}


def state_text(state: str) -> str:
    """A state in small letters, with its colour."""
    colour = _COLOURS.get(state)
    return f"[{colour}]{state.lower()}[/]" if colour else state.lower()


def run_table(runs: Iterable[Run]) -> Table:
    """Runs, a line each."""
    table = Table("run", "name", "state", "created (UTC)", "took")
    for run in runs:
        created = f"{run.created:%Y-%m-%d %H:%M}" if run.created else ""
        table.add_row(run.run_id, escape(run.name), state_text(run.state), created, duration_text(run.seconds))
    return table


def node_table(nodes: Iterable[Node]) -> Table:
    """A run's nodes, a line each."""
    table = Table("node", "state", "took", "error")
    for node in nodes:
        table.add_row(node.name, state_text(node.state), duration_text(node.seconds), escape(node.error))
    return table


def recurring_table(recurring_runs: Iterable[RecurringRun]) -> Table:
    """Recurring runs, a line each."""
    table = Table("recurring run", "name", "when", "enabled")
    for recurring in recurring_runs:
        enabled = "yes" if recurring.enabled else "no"
        table.add_row(recurring.recurring_id, escape(recurring.name), escape(str(recurring.schedule)), enabled)
    return table


def duration_text(seconds: float | None) -> str:
    """A time in the largest two units."""
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
