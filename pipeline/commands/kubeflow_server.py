"""Shared parts of the commands that talk to a Kubeflow Pipelines server: options, connection, error messages."""

from __future__ import annotations

import datetime
import functools
import sys
from typing import TYPE_CHECKING

from pipeline.commands.terminal import (
    EXIT_FAILED,
    EXIT_USAGE,
    fail,
    local_path,
    make_console,
    not_installed,
    positive,
    warn,
)

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from rich.console import Console

    from pipeline.commands.terminal import CommandGroup
    from pipeline.kubeflow.server.client import Server
    from pipeline.kubeflow.server.runs import RunSettings

    ServerCommand = Callable[[argparse.Namespace, Server, Console], int]


def add_server_command(
    commands: CommandGroup,
    name: str,
    run: ServerCommand,
    help_text: str,
    description: str,
    *,
    interrupted: str = "interrupted",
) -> argparse.ArgumentParser:
    """Adds a command that talks to a server and returns its parser.

    The parser accepts no abbreviated options, so that `--token SECRET` is not taken for `--token-file`.

    Args:
        commands: the command group.
        name: name of the command.
        run: does the command's work and returns the exit status.
        help_text: one line for the list of commands.
        description: the text of the command's own help.
        interrupted: the message after Ctrl-C.
    """
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=help_text, description=description, allow_abbrev=False
    )
    parser.add_argument("--host", metavar="URL", help="the server's address (default: $KF_PIPELINES_ENDPOINT)")
    parser.add_argument(
        "--token-file",
        type=local_path,
        metavar="FILE",
        help="a file with a bearer token (default: the token in $KF_PIPELINES_TOKEN, or the file named by "
        "$KF_PIPELINES_SA_TOKEN_PATH)",
    )
    parser.add_argument("--namespace", metavar="NAME", help="your namespace on a multi-user server")
    parser.add_argument(
        "--ca-file", type=local_path, metavar="FILE", help="CA certificates to verify an https server with"
    )
    parser.set_defaults(command=functools.partial(_run_with_server, run=run), interrupted=interrupted)
    return parser


def add_submission_options(parser: argparse.ArgumentParser) -> None:
    """Adds the specification's file and the settings of its runs."""
    parser.add_argument(
        "file", type=local_path, metavar="FILE", help="a specification written by `vocseg kubeflow compile`"
    )
    parser.add_argument(
        "--experiment", metavar="NAME", help="created if the server has none of that name (default: Default)"
    )
    parser.add_argument(
        "--name", metavar="NAME", help="display name of the run (default: the pipeline's name and the time)"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="PARAMETER=VALUE",
        dest="assignments",
        help="a parameter of the specification; may be repeated",
    )
    parser.add_argument(
        "--pipeline-root", metavar="URI", help="where artifacts are stored, in place of the specification's root"
    )
    parser.add_argument("--no-cache", action="store_true", help="run every node, without the cache")
    parser.add_argument("--no-check", action="store_false", dest="check", help="skip `vocseg kubeflow check`")
    parser.add_argument("--service-account", metavar="NAME", help="the Kubernetes service account of the pods")


def add_listing_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the two `list` commands."""
    parser.add_argument("--experiment", metavar="NAME", help="list only this experiment")
    parser.add_argument("--count", type=positive, default=20, metavar="N", help="maximum number (default: 20)")


def run_settings(options: argparse.Namespace) -> RunSettings:
    """Returns the settings from the options of `add_submission_options`, after the specification has been read."""
    from pipeline.kubeflow.server.runs import DEFAULT_EXPERIMENT, RunSettings

    pipeline = options.spec.spec["pipelineInfo"]["name"]
    return RunSettings(
        experiment=options.experiment or DEFAULT_EXPERIMENT,
        name=options.name or f"{pipeline} {datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M:%S}",
        parameters=options.values,
        pipeline_root=options.pipeline_root,
        caching=False if options.no_cache else None,
        service_account=options.service_account,
    )


def _run_with_server(options: argparse.Namespace, run: ServerCommand) -> int:
    """Connects to the server and runs the command; prints a message for an expected error."""
    try:
        from pipeline.kubeflow.compile.specification import SpecError
        from pipeline.kubeflow.server.client import ServerError, UsageError, connect
        from pipeline.kubeflow.server.parameters import ParameterError
    except ModuleNotFoundError as error:
        return fail(not_installed(error, "kubeflow", "kubeflow"), EXIT_USAGE)
    try:
        if "file" in options:  # the file is checked before the first request
            problems = _read_submission(options)
            if problems:
                fail("\n".join(problems), EXIT_USAGE)
                return fail(f"{options.file} was not submitted; to submit it anyway, give --no-check", EXIT_USAGE)
        server = connect(
            options.host, token_file=options.token_file, namespace=options.namespace, ca_file=options.ca_file
        )
        if server.token_is_unencrypted:
            warn(f"{server.host} is not encrypted: everyone on the way can read the token; use https://")
        return run(options, server, make_console(sys.stdout))
    except (UsageError, SpecError, ParameterError) as error:
        return fail(str(error), EXIT_USAGE)
    except ServerError as error:
        return fail(str(error), EXIT_FAILED)


def _read_submission(options: argparse.Namespace) -> list[str]:
    """Reads the specification and the values of its parameters into `options`.

    Returns:
        What the backend cannot run; empty with `--no-check`.

    Raises:
        SpecError: the file is not a specification for the open-source backend.
        ParameterError: the value of a parameter is missing or invalid.
    """
    from pipeline.kubeflow.compile.spec_check import check_spec
    from pipeline.kubeflow.compile.specification import SpecError, read_spec
    from pipeline.kubeflow.server.parameters import parameter_values, run_parameters

    options.spec = read_spec(options.file)
    if options.spec.is_job:
        raise SpecError(f"{options.file}: is a pipeline job for Vertex AI; compile it without --target vertex")
    if options.file.suffix not in (".yaml", ".yml"):
        raise SpecError(f"{options.file}: the file name must end with .yaml, as kfp's client requires")
    options.values = parameter_values(run_parameters(options.spec.spec), options.assignments)
    return check_spec(options.spec) if options.check else []
