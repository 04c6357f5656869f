"""`vocseg kubeflow submit`, `status`, `logs` and `list`: runs on a Kubeflow Pipelines server."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pipeline.commands.kubeflow_server import (
    add_listing_options,
    add_server_command,
    add_submission_options,
    run_settings,
)
from pipeline.commands.terminal import EXIT_FAILED, say

if TYPE_CHECKING:
    import argparse

    from rich.console import Console

    from pipeline.commands.terminal import CommandGroup
    from pipeline.kubeflow.server.client import Server

_RUN_HELP = "the id that submit and list print"
_WAIT_HELP = "show the nodes' states until the run is finished"


def add_parsers(kubeflow_commands: CommandGroup) -> None:
    """Adds the commands to those of `vocseg kubeflow`."""
    submit = add_server_command(
        kubeflow_commands,
        "submit",
        _submit,
        "run a compiled specification on a server",
        "Run FILE on a Kubeflow Pipelines server. With --wait the exit status tells whether the run succeeded.",
        interrupted="interrupted; a submitted run continues in the cluster: see `vocseg kubeflow list`",
    )
    add_submission_options(submit)
    submit.add_argument("--wait", action="store_true", help=_WAIT_HELP)

    status = add_server_command(
        kubeflow_commands,
        "status",
        _status,
        "show the state of a run",
        "Print the state of a run and of its nodes. Exits with 1 if the run has failed or was cancelled.",
    )
    status.add_argument("run", metavar="RUN", help=_RUN_HELP)
    status.add_argument("--wait", action="store_true", help=_WAIT_HELP)

    logs = add_server_command(
        kubeflow_commands,
        "logs",
        _logs,
        "print the logs of a node",
        "Print the logs of a node's container, of every attempt; without NODE, the logs of all failed nodes.",
    )
    logs.add_argument("run", metavar="RUN", help=_RUN_HELP)
    logs.add_argument("node", nargs="?", metavar="NODE", help="for example SegmentationTrainer.fcn8")

    listing = add_server_command(
        kubeflow_commands, "list", _list, "list the latest runs", "List the latest runs, newest first."
    )
    add_listing_options(listing)


def _submit(options: argparse.Namespace, server: Server, console: Console) -> int:
    from rich.markup import escape

    from pipeline.kubeflow.server.display import show_until_finished
    from pipeline.kubeflow.server.runs import submit

    run_id = submit(server, options.file, run_settings(options))
    console.print(escape(f"submitted run {run_id}: {server.run_url(run_id)}"), soft_wrap=True)
    if not options.wait:
        return 0
    return 0 if show_until_finished(server, run_id, console) else EXIT_FAILED


def _status(options: argparse.Namespace, server: Server, console: Console) -> int:
    from pipeline.kubeflow.server.display import node_table, show_result, show_until_finished
    from pipeline.kubeflow.server.runs import get_run

    if options.wait:
        return 0 if show_until_finished(server, options.run, console) else EXIT_FAILED
    run = get_run(server, options.run)
    if run.nodes:
        console.print(node_table(run.nodes))
    return 0 if show_result(run, console) else EXIT_FAILED


def _logs(options: argparse.Namespace, server: Server, console: Console) -> int:  # noqa: ARG001 (logs have no markup)
    from pipeline.kubeflow.server.logs import read_logs

    for log in read_logs(server, options.run, options.node):
        say(f"== {log.node} ({log.pod})", stream=sys.stderr)
        say(log.text.replace("\r", "\n").removesuffix("\n"))  # progress bars end with a carriage return
    return 0


def _list(options: argparse.Namespace, server: Server, console: Console) -> int:
    from pipeline.kubeflow.server.display import run_table
    from pipeline.kubeflow.server.runs import list_runs

    runs = list_runs(server, experiment=options.experiment, count=options.count)
    console.print(run_table(runs) if runs else "no runs")
    return 0
