"""`vocseg kubeflow`: the pipeline on Kubeflow Pipelines. This module has `compile`, `check` and `emulate`."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from components.allocator import loading_libraries
from pipeline.commands import kubeflow_recurring, kubeflow_runs, kubeflow_training_job
from pipeline.commands.terminal import (
    EXIT_FAILED,
    EXIT_USAGE,
    add_override_option,
    fail,
    local_path,
    not_installed,
    say,
)
from pipeline.display.library_output import libraries_to_log

if TYPE_CHECKING:
    import argparse

    from pipeline.commands.terminal import CommandGroup


def add_parser(commands: CommandGroup) -> None:
    """Adds `kubeflow` and its commands."""
    kubeflow = commands.add_parser("kubeflow", help="run the pipeline on Kubeflow Pipelines")
    kubeflow_commands = kubeflow.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_compile(kubeflow_commands)
    check = kubeflow_commands.add_parser(
        "check",
        help="find what the open-source backend cannot run",
        description="Find what the open-source Kubeflow Pipelines cannot run, local paths and secrets in a "
        "specification. Prints one line per problem; exits with 1 if there is a problem, with 2 if FILE is not a "
        "specification.",
    )
    check.add_argument(
        "file", type=local_path, metavar="FILE", help="a specification written by `vocseg kubeflow compile`"
    )
    check.set_defaults(command=_check, interrupted="interrupted")

    emulate = kubeflow_commands.add_parser(
        "emulate",
        help="run a specification on this machine, as the backend would run it",
        description="Run each node's own command in a new process, in the order of the pipeline, with the input that "
        "Kubeflow Pipelines would give it. Needs no container and no cluster: the command `python` is the Python of "
        "this environment.",
    )
    emulate.add_argument(
        "file", type=local_path, metavar="FILE", help="a specification written by `vocseg kubeflow compile`"
    )
    emulate.add_argument(
        "--output", type=local_path, required=True, metavar="DIR", help="new or empty folder for artifacts and logs"
    )
    emulate.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", dest="parameters", help="a parameter of the run"
    )
    emulate.set_defaults(command=_emulate, interrupted="interrupted; the artifacts and logs so far are kept")
    kubeflow_runs.add_parsers(kubeflow_commands)
    kubeflow_training_job.add_parser(kubeflow_commands)
    kubeflow_recurring.add_parser(kubeflow_commands)


def _add_compile(kubeflow_commands: CommandGroup) -> None:
    compiling = kubeflow_commands.add_parser(
        "compile",
        help="compile the pipeline to a specification",
        description="Compile the pipeline for Kubeflow Pipelines or Vertex AI. The devkit's location, the number of "
        "epochs and the publishing folder are parameters of each run.",
    )
    compiling.add_argument(
        "--preset", default="demo", metavar="NAME|FILE.yaml", help="the configuration (default: demo)"
    )
    add_override_option(compiling, "override a setting")
    compiling.add_argument("--image", required=True, metavar="IMAGE", help="the containers' image, with tag or digest")
    compiling.add_argument(
        "--pipeline-root", required=True, metavar="URI", help="where artifacts are stored: gs://, s3:// or minio://"
    )
    compiling.add_argument("--devkit", metavar="URI", help="default value of the parameter devkit")
    compiling.add_argument(
        "--publish-to",
        metavar="URI",
        help="default value of the parameter publish_to (default: serving below a gs:// or s3:// pipeline root)",
    )
    compiling.add_argument(
        "--target",
        choices=("kubeflow", "vertex"),
        default="kubeflow",
        help="YAML for the open-source backend, or a JSON pipeline job for Vertex AI (default: kubeflow)",
    )
    compiling.add_argument("--output", type=local_path, required=True, metavar="FILE", help="the file to write")
    compiling.set_defaults(command=_compile, interrupted="interrupted; nothing was written")


def _compile(options: argparse.Namespace) -> int:
    suffixes = {"kubeflow": (".yaml", ".yml"), "vertex": (".json",)}[options.target]
    if options.output.suffix not in suffixes:
        return fail(f"--output {options.output}: must end with {' or '.join(suffixes)}", EXIT_USAGE)
    try:
        from pipeline.config.loading import load_config
        from pipeline.config.problems import ConfigError
        from pipeline.network_modules import find_networks_of
    except ModuleNotFoundError as error:
        return fail(not_installed(error, "kubeflow", "kubeflow"), EXIT_USAGE)
    try:
        config = load_config(options.preset, overrides=options.overrides)
        find_networks_of(config, options.preset)
        with tempfile.TemporaryDirectory() as scratch, libraries_to_log(Path(scratch)):
            with loading_libraries():
                from pipeline.kubeflow.compile.compiler import compile_spec
                from pipeline.kubeflow.compile.spec_check import check_spec
                from pipeline.kubeflow.compile.specification import parse_spec
            from tfds_voc_seg.storage import write_text_whole

            text = compile_spec(
                config,
                image=options.image,
                pipeline_root=options.pipeline_root,
                target=options.target,
                devkit=options.devkit,
                publish_to=options.publish_to,
            )
            problems = check_spec(parse_spec(text, options.output)) if options.target == "kubeflow" else []
        if problems:
            fail("\n".join(problems), EXIT_FAILED)
            return fail(f"{options.output} was not written", EXIT_FAILED)
        options.output.parent.mkdir(parents=True, exist_ok=True)
        write_text_whole(options.output, text)
    except ModuleNotFoundError as error:
        return fail(not_installed(error, "kubeflow", "kubeflow"), EXIT_USAGE)
    except (ConfigError, OSError) as error:
        return fail(str(error), EXIT_USAGE)
    say(f"wrote {options.output}")
    return 0


def _check(options: argparse.Namespace) -> int:
    try:
        from pipeline.kubeflow.compile.spec_check import check_spec
        from pipeline.kubeflow.compile.specification import SpecError, read_spec

        problems = check_spec(read_spec(options.file))
    except ModuleNotFoundError as error:
        return fail(not_installed(error, "kubeflow", "kubeflow"), EXIT_USAGE)
    except SpecError as error:
        return fail(str(error), EXIT_USAGE)
    for problem in problems:
        say(problem)
    say(f"{options.file}: {len(problems)} problem(s)" if problems else f"{options.file}: no problems found")
    return EXIT_FAILED if problems else 0


def _emulate(options: argparse.Namespace) -> int:
    from tfds_voc_seg.storage import StorageError, require_no_pattern

    try:
        if options.output.exists() and any(options.output.iterdir()):
            return fail(f"{options.output} is not empty; give a new or empty folder", EXIT_USAGE)
        require_no_pattern(options.output.resolve())
    except OSError as error:
        return fail(f"--output {options.output} cannot be used: {error.strerror}", EXIT_USAGE)
    except StorageError as error:
        return fail(f"--output: {error}", EXIT_USAGE)
    try:
        from pipeline.config.assignments import AssignmentError, split_assignment
        from pipeline.kubeflow.compile.specification import SpecError, read_spec
        from pipeline.kubeflow.node.backend import BackendError
        from pipeline.kubeflow.node.emulation import EmulationError, emulate
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
        run = emulate(file, options.output.resolve(), parameters, on_task=lambda task: say(f"running {task}"))
    except (SpecError, BackendError) as error:
        return fail(str(error), EXIT_USAGE)
    except EmulationError as error:
        return fail(f"{error}\nits whole output is in {error.log}", EXIT_FAILED)
    say(f"all {len(run.seconds)} nodes finished in {sum(run.seconds.values()):.0f} s")
    say(f"artifacts and logs are in {options.output}")
    return 0
