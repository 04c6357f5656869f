"""`vocseg kubeflow submit`, `status`, `logs`, `list` and `recurring`: what a server of Kubeflow Pipelines runs."""

from __future__ import annotations

import argparse
import datetime
import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.commands import kubeflow_training_job
from pipeline.commands.terminal import EXIT_FAILED, EXIT_USAGE, fail, make_console, not_installed, positive

if TYPE_CHECKING:
    from rich.console import Console

    from pipeline.kubeflow.server.client import Server
    from pipeline.kubeflow.server.runs import Run, Settings

_INTERRUPTED_WAIT = "interrupted; what was submitted goes on in the cluster: see `vocseg kubeflow list`"


def add_parsers(kubeflow_commands: Any) -> None:
    """Adds the commands that talk to a server to those of `vocseg kubeflow`."""
    submit = _command(
        kubeflow_commands,
        "submit",
        _submit,
        "run a compiled spec on a server",
        "Run FILE on a server of Kubeflow Pipelines. With --wait the exit status says how the run ended.",
        interrupted=_INTERRUPTED_WAIT,
    )
    _add_submission(submit)
    submit.add_argument("--wait", action="store_true", help="show the nodes' states until the run is finished")

    status = _command(
        kubeflow_commands,
        "status",
        _status,
        "say how far a run is",
        "Print the state of a run and of its nodes. Exits with 1 if the run has failed or was cancelled.",
    )
    status.add_argument("run", metavar="RUN", help="the id that submit and list print")
    status.add_argument("--wait", action="store_true", help="show the nodes' states until the run is finished")

    logs = _command(
        kubeflow_commands,
        "logs",
        _logs,
        "print what a node printed",
        "Print what the container of a node printed, each try; without NODE, of all nodes that failed.",
    )
    logs.add_argument("run", metavar="RUN", help="the id that submit and list print")
    logs.add_argument("node", nargs="?", metavar="NODE", help="such as SegmentationTrainer.fcn8")

    runs = _command(kubeflow_commands, "list", _list, "list the latest runs", "List the latest runs, newest first.")
    _add_listing(runs)

    kubeflow_training_job.add_parser(kubeflow_commands)
    recurring = kubeflow_commands.add_parser("recurring", help="have a server run a spec by the clock")
    _add_recurring(recurring.add_subparsers(required=True, metavar="COMMAND"))


def _add_recurring(commands: Any) -> None:
    create = _command(
        commands,
        "create",
        _recurring_create,
        "run a compiled spec again and again",
        "Have the server run FILE by the clock, one run at a time. Runs missed while it is disabled are left out.",
        interrupted="interrupted; `vocseg kubeflow recurring list` shows whether it was made",
    )
    _add_submission(create)
    when = create.add_mutually_exclusive_group(required=True)
    when.add_argument("--cron", metavar="FIELDS", help="six fields, seconds first: '0 30 2 * * *' is every day at 2:30")
    when.add_argument("--every", metavar="TIME", help="a number with s, m, h, d or w: 12h")
    create.add_argument("--catch-up", action="store_true", help="start missed runs later")

    listing = _command(
        commands, "list", _recurring_list, "list recurring runs", "List the latest recurring runs, newest first."
    )
    _add_listing(listing)
    for action, help_text in (
        ("enable", "start runs again"),
        ("disable", "start no more runs; those under way go on"),
        ("delete", "remove it; runs that it started stay"),
    ):
        change = _command(
            commands, action, functools.partial(_recurring_change, action=action), help_text, f"{help_text}."
        )
        change.add_argument("recurring", metavar="ID", help="the id that recurring create and list print")


def _command(
    commands: Any,
    name: str,
    run: Callable[[argparse.Namespace, Server, Console], int],
    help_text: str,
    description: str,
    interrupted: str = "interrupted",
) -> argparse.ArgumentParser:
    """A command that talks to a server. No abbreviations: `--token SECRET` must not pass for `--token-file`."""
    description = description[0].upper() + description[1:]
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=help_text, description=description, allow_abbrev=False
    )
    parser.add_argument("--host", metavar="URL", help="the server's address (default: $KF_PIPELINES_ENDPOINT)")
    parser.add_argument(
        "--token-file",
        type=Path,
        metavar="FILE",
        help="a file with a bearer token (default: the token in $KF_PIPELINES_TOKEN, or the file that "
        "$KF_PIPELINES_SA_TOKEN_PATH names)",
    )
    parser.add_argument("--namespace", metavar="NAME", help="your namespace, on a server that several people share")
    parser.add_argument(
        "--ca-file", type=Path, metavar="FILE", help="certificates that an https server is checked with"
    )
    parser.set_defaults(command=functools.partial(_with_server, run=run), interrupted=interrupted)
    return parser


def _add_submission(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="a spec that `vocseg kubeflow compile` wrote")
    parser.add_argument(
        "--experiment", metavar="NAME", help="made if the server has none of that name (default: Default)"
    )
    parser.add_argument("--name", metavar="NAME", help="for people (default: the pipeline's name and the time)")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="PARAMETER=VALUE",
        dest="assignments",
        help="a parameter of the spec; may be repeated",
    )
    parser.add_argument("--pipeline-root", metavar="URI", help="where artifacts go instead of where the spec says")
    parser.add_argument("--no-cache", action="store_true", help="run every node anew")
    parser.add_argument("--no-check", action="store_false", dest="check", help="leave out `vocseg kubeflow check`")
    parser.add_argument("--service-account", metavar="NAME", help="the Kubernetes service account of the pods")


def _add_listing(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--experiment", metavar="NAME", help="only of this one")
    parser.add_argument("--count", type=positive, default=20, metavar="N", help="how many (default: 20)")


def _with_server(options: argparse.Namespace, run: Callable[[argparse.Namespace, Server, Console], int]) -> int:
    """Connects, then runs the command; what goes wrong is a message."""
    try:
        from pipeline.kubeflow.server.client import ServerError, UsageError, connect
    except ModuleNotFoundError as error:
        return fail(not_installed(error, "kubeflow", "kubeflow"), EXIT_USAGE)
    from pipeline.kubeflow.compile.spec_file import SpecError
    from pipeline.kubeflow.server.parameters import ParameterError

    try:
        if "file" in options:  # what is wrong with it is said before anyone is asked
            problems = _prepare(options)
            if problems:
                fail("\n".join(problems), EXIT_USAGE)
                return fail(f"{options.file} was not submitted; --no-check submits it all the same", EXIT_USAGE)
        server = connect(
            options.host, token_file=options.token_file, namespace=options.namespace, ca_file=options.ca_file
        )
        return run(options, server, make_console(sys.stdout))
    except (UsageError, SpecError, ParameterError) as error:
        return fail(str(error), EXIT_USAGE)
    except ServerError as error:
        return fail(str(error), EXIT_FAILED)


def _prepare(options: argparse.Namespace) -> list[str]:
    """Reads the specification and its parameters' values; returns what the backend could not run."""
    from pipeline.kubeflow.compile.spec_check import check_spec
    from pipeline.kubeflow.compile.spec_file import SpecError, read_spec
    from pipeline.kubeflow.server.parameters import parameter_values, run_parameters

    options.spec = read_spec(options.file)
    if options.spec.is_job:
        raise SpecError(f"{options.file}: a pipeline job for Vertex AI; compile without --target vertex")
    if options.file.suffix not in (".yaml", ".yml"):
        raise SpecError(f"{options.file}: kfp's client takes a file whose name ends with .yaml")
    options.values = parameter_values(run_parameters(options.spec.spec), options.assignments)
    return check_spec(options.spec) if options.check else []


def _submit(options: argparse.Namespace, server: Server, console: Console) -> int:
    from pipeline.kubeflow.server.runs import submit

    run_id = submit(server, options.file, _settings(options))
    console.print(f"run {run_id} is submitted: {server.run_url(run_id)}", soft_wrap=True)
    return _watch(server, run_id, console) if options.wait else 0


def _status(options: argparse.Namespace, server: Server, console: Console) -> int:
    from pipeline.kubeflow.server.runs import get_run

    if options.wait:
        return _watch(server, options.run, console)
    run = get_run(server, options.run)
    from pipeline.kubeflow.server.tables import node_table

    if run.nodes:
        console.print(node_table(run.nodes))
    return _conclude(run, console)


def _watch(server: Server, run_id: str, console: Console) -> int:
    from pipeline.kubeflow.server import runs
    from pipeline.kubeflow.server.tables import duration_text, state_text

    shown: dict[str, str] = {}

    def show(run: Run) -> None:
        for node in run.nodes:
            if node.state != shown.get(node.name, "PENDING"):
                shown[node.name] = node.state
                took = "" if node.state == "RUNNING" else duration_text(node.seconds)
                console.print(f"{node.name}: {state_text(node.state)} {took}".rstrip())

    return _conclude(runs.wait_for(server, run_id, show, poll_seconds=runs.POLL_SECONDS), console)


def _conclude(run: Run, console: Console) -> int:
    from rich.markup import escape

    from pipeline.kubeflow.server.runs import SUCCEEDED
    from pipeline.kubeflow.server.tables import duration_text, state_text

    took = f" after {duration_text(run.seconds)}" if run.finished and run.seconds is not None else ""
    console.print(f"run {run.run_id} ({escape(run.name)}): {state_text(run.state)}{took}", soft_wrap=True)
    if run.error:
        console.print(escape(run.error), soft_wrap=True)
    if run.finished and run.state != SUCCEEDED:
        console.print(f"`vocseg kubeflow logs {run.run_id}` prints what the nodes that failed printed", soft_wrap=True)
        return EXIT_FAILED
    return 0


def _logs(options: argparse.Namespace, server: Server, console: Console) -> int:
    from pipeline.kubeflow.server.logs import read_logs

    for log in read_logs(server, options.run, options.node):
        print(f"== {log.node} ({log.pod})", file=sys.stderr)  # noqa: T201
        print(log.text, end="" if log.text.endswith("\n") else "\n")  # noqa: T201
    return 0


def _list(options: argparse.Namespace, server: Server, console: Console) -> int:
    from pipeline.kubeflow.server.runs import list_runs
    from pipeline.kubeflow.server.tables import run_table

    runs = list_runs(server, experiment=options.experiment, count=options.count)
    console.print(run_table(runs) if runs else "no runs")
    return 0


def _recurring_create(options: argparse.Namespace, server: Server, console: Console) -> int:
    from pipeline.kubeflow.server.recurring import create, parse_schedule

    schedule = parse_schedule(options.cron, options.every)
    made = create(server, options.file, _settings(options), schedule, catch_up=options.catch_up)
    console.print(f"recurring run {made} ({schedule}) is made; the server does the rest", soft_wrap=True)
    return 0


def _recurring_list(options: argparse.Namespace, server: Server, console: Console) -> int:
    from pipeline.kubeflow.server.recurring import list_recurring
    from pipeline.kubeflow.server.tables import recurring_table

    found = list_recurring(server, experiment=options.experiment, count=options.count)
    console.print(recurring_table(found) if found else "no recurring runs")
    return 0


def _recurring_change(options: argparse.Namespace, server: Server, console: Console, action: str) -> int:
    from pipeline.kubeflow.server.recurring import change

    change(server, options.recurring, action)
    console.print(f"recurring run {options.recurring} is {action}d", soft_wrap=True)
    return 0


def _settings(options: argparse.Namespace) -> Settings:
    from pipeline.kubeflow.server.runs import DEFAULT_EXPERIMENT, Settings

    pipeline = options.spec.spec["pipelineInfo"]["name"]
    return Settings(
        experiment=options.experiment or DEFAULT_EXPERIMENT,
        name=options.name or f"{pipeline} {datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M:%S}",
        parameters=options.values,
        pipeline_root=options.pipeline_root,
        caching=False if options.no_cache else None,
        service_account=options.service_account,
    )
