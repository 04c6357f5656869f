"""`vocseg kubeflow recurring`: runs that a Kubeflow Pipelines server starts on a schedule."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from pipeline.commands.kubeflow_server import (
    add_listing_options,
    add_server_command,
    add_submission_options,
    run_settings,
)

if TYPE_CHECKING:
    import argparse

    from rich.console import Console

    from pipeline.commands.terminal import CommandGroup
    from pipeline.kubeflow.server.client import Server


def add_parser(kubeflow_commands: CommandGroup) -> None:
    """Adds `recurring` and its commands to those of `vocseg kubeflow`."""
    recurring = kubeflow_commands.add_parser("recurring", help="run a specification on a schedule")
    commands = recurring.add_subparsers(required=True, metavar="COMMAND")
    create = add_server_command(
        commands,
        "create",
        _create,
        "run a compiled specification on a schedule",
        "Let the server run FILE on a schedule, one run at a time. Runs that were missed while it was disabled are "
        "skipped, unless --catch-up is given.",
        interrupted="interrupted; `vocseg kubeflow recurring list` shows whether it was created",
    )
    add_submission_options(create)
    when = create.add_mutually_exclusive_group(required=True)
    when.add_argument(
        "--cron", metavar="FIELDS", help="six cron fields, seconds first: '0 30 2 * * *' is every day at 2:30"
    )
    when.add_argument("--every", metavar="TIME", help="a number followed by s, m, h, d or w, such as 12h")
    create.add_argument("--catch-up", action="store_true", help="start missed runs later")

    listing = add_server_command(
        commands, "list", _list, "list recurring runs", "List the latest recurring runs, newest first."
    )
    add_listing_options(listing)
    for action, help_text, description in (
        ("enable", "start runs again", "Start runs again."),
        ("disable", "start no more runs", "Start no more runs; current runs continue."),
        ("delete", "delete a recurring run", "Delete a recurring run; the runs that it started are kept."),
    ):
        change = add_server_command(commands, action, functools.partial(_change, action=action), help_text, description)
        change.add_argument("recurring", metavar="ID", help="the id that recurring create and list print")


def _create(options: argparse.Namespace, server: Server, console: Console) -> int:
    from pipeline.kubeflow.server.recurring import create, parse_schedule

    schedule = parse_schedule(options.cron, options.every)
    recurring_id = create(server, options.file, run_settings(options), schedule, catch_up=options.catch_up)
    console.print(f"created recurring run {recurring_id} ({schedule})", soft_wrap=True)
    return 0


def _list(options: argparse.Namespace, server: Server, console: Console) -> int:
    from pipeline.kubeflow.server.display import recurring_table
    from pipeline.kubeflow.server.recurring import list_recurring

    recurring_runs = list_recurring(server, experiment=options.experiment, count=options.count)
    console.print(recurring_table(recurring_runs) if recurring_runs else "no recurring runs")
    return 0


def _change(options: argparse.Namespace, server: Server, console: Console, action: str) -> int:
    from pipeline.kubeflow.server.recurring import change

    change(server, options.recurring, action)
    console.print(f"recurring run {options.recurring} is {action}d", soft_wrap=True)
    return 0
