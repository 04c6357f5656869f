"""Shows runs of a server in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from pipeline.kubeflow.server.run_status import SUCCEEDED, NodeStatus, RunStatus
from pipeline.kubeflow.server.runs import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

    from pipeline.kubeflow.server.client import Server
    from pipeline.kubeflow.server.recurring import RecurringRun

_COLOURS = {"SUCCEEDED": "green", "FAILED": "bold red", "CANCELED": "yellow", "RUNNING": "cyan"}


def run_table(runs: Iterable[RunStatus]) -> Table:
    """Returns a table with one row per run."""
    table = Table("run", "name", "state", "created (UTC)", "took")
    for run in runs:
        created = f"{run.created:%Y-%m-%d %H:%M}" if run.created else ""
        table.add_row(
            escape(run.run_id), escape(run.name), _state_text(run.state), created, _duration_text(run.seconds)
        )
    return table


def node_table(nodes: Iterable[NodeStatus]) -> Table:
    """Returns a table with one row per node of a run."""
    table = Table("node", "state", "took", "error")
    for node in nodes:
        table.add_row(escape(node.name), _state_text(node.state), _duration_text(node.seconds), escape(node.error))
    return table


def recurring_table(recurring_runs: Iterable[RecurringRun]) -> Table:
    """Returns a table with one row per recurring run."""
    table = Table("recurring run", "name", "when", "enabled")
    for recurring in recurring_runs:
        enabled = "yes" if recurring.enabled else "no"
        table.add_row(escape(recurring.recurring_id), escape(recurring.name), escape(str(recurring.schedule)), enabled)
    return table


def show_until_finished(server: Server, run_id: str, console: Console) -> bool:
    """Prints each node's changes of state until the run is finished, then its result.

    Returns:
        Whether the run succeeded.

    Raises:
        ServerError: the run is unknown, or the server does not answer for a longer time.
    """
    shown: dict[str, str] = {}

    def show(run: RunStatus) -> None:
        for node in run.nodes:
            if node.state != shown.get(node.name, "PENDING"):
                shown[node.name] = node.state
                took = "" if node.state == "RUNNING" else _duration_text(node.seconds)
                console.print(f"{escape(node.name)}: {_state_text(node.state)} {took}".rstrip())

    return show_result(wait_for(server, run_id, show), console)


def show_result(run: RunStatus, console: Console) -> bool:
    """Prints a run's state and error.

    Returns:
        False if the run is finished and has not succeeded.
    """
    took = f" after {_duration_text(run.seconds)}" if run.finished and run.seconds is not None else ""
    console.print(f"run {escape(run.run_id)} ({escape(run.name)}): {_state_text(run.state)}{took}", soft_wrap=True)
    if run.error:
        console.print(escape(run.error), soft_wrap=True)
    if not run.finished or run.state == SUCCEEDED:
        return True
    console.print(f"`vocseg kubeflow logs {escape(run.run_id)}` prints the output of the failed nodes", soft_wrap=True)
    return False


def _state_text(state: str) -> str:
    """Returns a state in lower case, with the markup of its colour."""
    colour = _COLOURS.get(state)
    return f"[{colour}]{state.lower()}[/]" if colour else escape(state.lower())


def _duration_text(seconds: float | None) -> str:
    """Returns a duration in its two largest units, such as `2 min 5 s`."""
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
