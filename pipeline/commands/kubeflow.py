"""`vocseg kubeflow`: the pipeline on Kubeflow Pipelines."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import sys
import tempfile
from pathlib import Path
from typing import Any

from pipeline.commands.terminal import EXIT_FAILED, EXIT_USAGE, fail, not_installed
from pipeline.display.library_output import libraries_to_log


def add_parser(commands: Any) -> None:
    """Adds `kubeflow` and its commands."""
    kubeflow = commands.add_parser("kubeflow", help="run the pipeline on Kubeflow Pipelines")
    kubeflow_commands = kubeflow.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_compile(kubeflow_commands)
    check = kubeflow_commands.add_parser(
        "check",
        help="say what the open-source backend could not run",
        description="Look for what the open-source Kubeflow Pipelines can't run, for paths of this machine and for "
        "secrets. Prints a line a problem; exits with 1 where there is one, with 2 if FILE is no specification.",
    )
    check.add_argument("file", type=Path, metavar="FILE", help="what `vocseg kubeflow compile` wrote")
    check.set_defaults(command=_check, interrupted="interrupted")

    emulate = kubeflow_commands.add_parser(
        "emulate",
        help="run a specification on this machine, as the backend would",
        description="Run each node's own command in a fresh process, in the order of the pipeline, with what Kubeflow "
        "Pipelines would tell it. No container, no cluster: the command `python` is that of this environment.",
    )
    emulate.add_argument("file", type=Path, metavar="FILE", help="what `vocseg kubeflow compile` wrote")
    emulate.add_argument(
        "--output", type=Path, required=True, metavar="DIR", help="gets artifacts and logs; missing or empty"
    )
    emulate.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", dest="parameters", help="a parameter of the run"
    )
    emulate.set_defaults(command=_emulate, interrupted="interrupted; artifacts and logs so far stay")
    if importlib.util.find_spec("pipeline.commands.kubeflow_runs"):
        importlib.import_module("pipeline.commands.kubeflow_runs").add_parsers(kubeflow_commands)


def _add_compile(kubeflow_commands: Any) -> None:
    compiling = kubeflow_commands.add_parser(
        "compile",
        help="write the pipeline's specification",
        description="Compile the pipeline for Kubeflow Pipelines or Vertex AI. Where data are on the cluster, how many "
        "epochs are trained and where models are published stay parameters of each run.",
    )
    compiling.add_argument(
        "--preset", default="demo", metavar="NAME|FILE.yaml", help="the configuration (default: demo)"
    )
    compiling.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides", help="override a setting"
    )
    compiling.add_argument("--image", required=True, metavar="IMAGE", help="the containers' image, with tag or digest")
    compiling.add_argument(
        "--pipeline-root", required=True, metavar="URI", help="where artifacts go: gs://, s3:// or minio://"
    )
    compiling.add_argument("--devkit", metavar="URI", help="default of the parameter devkit")
    compiling.add_argument(
        "--publish-to",
        metavar="URI",
        help="default of the parameter publish_to (default: serving below the pipeline root, if gs:// or s3://)",
    )
    compiling.add_argument(
        "--target",
        choices=("kubeflow", "vertex"),
        default="kubeflow",
        help="YAML for the open-source backend, or a JSON pipeline job for Vertex AI (default: kubeflow)",
    )
    compiling.add_argument("--output", type=Path, required=True, metavar="FILE", help="the file to write")
    compiling.set_defaults(command=_compile, interrupted="interrupted; nothing was written")


def _compile(options: argparse.Namespace) -> int:
    suffixes = {"kubeflow": (".yaml", ".yml"), "vertex": (".json",)}[options.target]
    if options.output.suffix not in suffixes:
        return fail(f"--output {options.output}: must end with {' or '.join(suffixes)}", EXIT_USAGE)
    try:
        from pipeline.config.loading import load_config
        from pipeline.config.problems import ConfigError
    except ModuleNotFoundError as error:
        return fail(not_installed(error, "kubeflow", "kubeflow"), EXIT_USAGE)
    sys.path += [str(Path.cwd()), str(Path(options.preset).resolve().parent)]  # a network of one's own
    try:
        config = load_config(options.preset, overrides=options.overrides)
    except ConfigError as error:
        return fail(str(error), EXIT_USAGE)
    with tempfile.TemporaryDirectory() as scratch:
        try:
            with libraries_to_log(Path(scratch)):
                from pipeline.kubeflow.compile.compiled_file import compile_to_file

                problems = compile_to_file(config, options)
        except ModuleNotFoundError as error:
            return fail(not_installed(error, "kubeflow", "kubeflow"), EXIT_USAGE)
        except (ConfigError, OSError) as error:
            return fail(str(error), EXIT_USAGE)
    if problems:
        fail("\n".join(problems), EXIT_FAILED)
        return fail(f"{options.output} was not written", EXIT_FAILED)
    print(f"wrote {options.output}")  # noqa: T201
    return 0


def _check(options: argparse.Namespace) -> int:
    try:
        from pipeline.kubeflow.compile.spec_check import check_spec
        from pipeline.kubeflow.compile.spec_file import SpecError, read_spec

        problems = check_spec(read_spec(options.file))
    except ModuleNotFoundError as error:
        return fail(not_installed(error, "kubeflow", "kubeflow"), EXIT_USAGE)
    except SpecError as error:
        return fail(str(error), EXIT_USAGE)
    for problem in problems:
        print(problem)  # noqa: T201
    print(f"{options.file}: {len(problems)} problem(s)" if problems else f"{options.file}: nothing is wrong")  # noqa: T201
    return EXIT_FAILED if problems else 0


def _emulate(options: argparse.Namespace) -> int:
    if options.output.exists() and any(options.output.iterdir()):
        return fail(f"{options.output} is not empty; name a folder that is missing or empty", EXIT_USAGE)
    try:
        from pipeline.config.assignments import AssignmentError, split_assignment
        from pipeline.kubeflow.compile.spec_file import SpecError, read_spec
        from pipeline.kubeflow.node.emulation import EmulationError, emulate
        from pipeline.kubeflow.node.executor_input import BackendError
    except ModuleNotFoundError as error:
        return fail(not_installed(error, "kubeflow", "kubeflow"), EXIT_USAGE)
    parameters: dict[str, str] = {}
    for text in options.parameters:
        try:
            name, value = split_assignment(text, "name=value, such as epochs=3")
        except AssignmentError as error:
            return fail(f"--set {text}: {error}", EXIT_USAGE)
        parameters[name] = value
    try:
        file = read_spec(options.file)
        run = emulate(file, options.output.resolve(), parameters, on_task=lambda task: print(f"running {task}"))  # noqa: T201
    except (SpecError, BackendError) as error:
        return fail(str(error), EXIT_USAGE)
    except EmulationError as error:
        return fail(f"{error}\nthe whole output is in {error.log}", EXIT_FAILED)
    print(f"all {len(run.seconds)} nodes are through, in {sum(run.seconds.values()):.0f} s")  # noqa: T201
    print(f"artifacts and logs are in {options.output}")  # noqa: T201
    return 0
