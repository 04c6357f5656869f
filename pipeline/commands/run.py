"""`vocseg run`."""

from __future__ import annotations

import dataclasses
import json
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.allocator import collect_garbage_rarely, loading_libraries
from components.locks import LockedError, locked
from components.run_files import LOGS_FOLDER, SUMMARY_FILE
from pipeline.commands.terminal import (
    EXIT_FAILED,
    EXIT_USAGE,
    add_override_option,
    add_wait_option,
    error_message,
    fail,
    local_path,
    make_console,
    not_installed,
    place,
    short_path,
    show_failure,
    warn,
)

if TYPE_CHECKING:
    import argparse

    from pipeline.commands.terminal import CommandGroup
    from pipeline.config.schema import RunConfig
    from pipeline.display.live import Display


def add_parser(commands: CommandGroup) -> None:
    """Adds `run`."""
    run = commands.add_parser(
        "run",
        help="run the whole pipeline on this machine",
        description="Convert the data, train and evaluate all candidates, and publish the best one if it beats the "
        "model in service.",
    )
    run.add_argument("--preset", default="demo", metavar="NAME|FILE.yaml", help="the configuration (default: demo)")
    run.add_argument("--devkit", type=place, metavar="DIR|URI", help="a VOC devkit: the folder that holds JPEGImages")
    run.add_argument(
        "--output", type=place, metavar="DIR", help="where all results are written (default: runs/<preset>)"
    )
    run.add_argument(
        "--publish-weights",
        type=local_path,
        metavar="DIR",
        help="after the run, write the model in service to a new folder, with its weights, card, preset and figures",
    )
    add_wait_option(run)
    add_override_option(run, "override a setting, such as training.epochs=3")
    run.set_defaults(command=_run, interrupted="interrupted; the same command resumes after the last finished node")


def _run(options: argparse.Namespace) -> int:
    try:
        from pipeline.config.loading import load_config
        from pipeline.config.problems import ConfigError
        from pipeline.display.library_output import libraries_to_log
        from pipeline.display.live import Display
        from pipeline.network_modules import find_networks_of
        from tfds_voc_seg.disk_errors import write_problem
        from tfds_voc_seg.storage import StorageError, require_no_pattern
    except ModuleNotFoundError as error:
        return fail(not_installed(error, "run"), EXIT_USAGE)
    try:
        config = load_config(options.preset, overrides=options.overrides, devkit=options.devkit, output=options.output)
    except ConfigError as error:
        return fail(str(error), EXIT_USAGE)
    if package := config.tracking.missing_package:
        return fail(f"tracking.mlflow: MLflow's client is not installed: pip install {package}", EXIT_USAGE)
    find_networks_of(config, options.preset)
    collect_garbage_rarely()
    try:
        require_no_pattern(config.output_folder)
    except StorageError as error:
        return fail(f"output: {error}", EXIT_USAGE)
    if options.publish_weights is not None and options.publish_weights.exists():
        return fail(f"--publish-weights {options.publish_weights}: it exists already; name a new folder", EXIT_USAGE)
    try:
        with (
            locked(config.output_folder, "vocseg run", wait=options.wait, on_wait=warn),
            libraries_to_log(config.output_folder / LOGS_FOLDER) as (terminal, log_file),
        ):
            display = Display(make_console(terminal))
            status = _run_pipeline(config, options.preset, display, log_file)
            if status == 0 and options.publish_weights is not None:
                return _publish_weights(config, options.publish_weights, display, log_file)
            return status
    except LockedError as error:
        return fail(str(error), EXIT_FAILED)
    except BrokenPipeError:  # the reader of the output ended
        raise
    except OSError as error:
        return fail(write_problem(error, config.output_folder), EXIT_FAILED)


def _run_pipeline(config: RunConfig, preset: str, display: Display, log_file: Path) -> int:
    from rich.markup import escape

    from pipeline.config.problems import ConfigError
    from pipeline.display.tables import problems_table

    display.print(
        f"[bold]{config.name}[/]: {', '.join(config.candidates)} → {escape(short_path(config.output_folder))}"
    )
    with display.busy("loading TensorFlow and TFX"), loading_libraries():
        from pipeline.doctor.devices import show_device
        from pipeline.local.node_monitor import RunError
        from pipeline.local.runner import run_locally
        from pipeline.local.sample import prepare_sample
        from pipeline.metadata.database import DatabaseError
        from tfds_voc_seg.devkit.problems import DevkitError
    show_device(display)
    try:
        prepare_sample(config, display)
        summary = run_locally(config, display)
    except Exception as error:
        message = error_message(error, (RunError, DevkitError, ConfigError, DatabaseError), config.output_folder)
        problems = getattr(error, "problems", ())
        if problems:
            message = message.splitlines()[0]  # the other lines repeat the table
            display.print(problems_table([dataclasses.asdict(problem) for problem in problems]))
        return show_failure(display, message, log_file)
    _show_results(summary, config.output_folder, display, log_file)
    if config.tracking.mlflow is not None:
        _log_run(config, preset, display)
    display.save_picture(str(log_file.with_suffix(".svg")))
    return 0


def _log_run(config: RunConfig, preset: str, display: Display) -> None:
    """Logs the run to MLflow. An error is shown and logged; the run has finished and stays a success."""
    from rich.markup import escape

    from pipeline.tracking.log_run import TrackingError, log_run

    try:
        with display.busy(f"logging to MLflow at {escape(config.tracking.shown_uri)}"):
            page = log_run(config, preset)
    except TrackingError as error:
        display.print(f"[bold yellow]{escape(str(error))}[/]")
        traceback.print_exc()  # standard error is the log file
    else:
        display.print(escape(f"MLflow: {page}"))


def _publish_weights(config: RunConfig, folder: Path, display: Display, log_file: Path) -> int:
    from rich.markup import escape

    from pipeline.release.folder import write_release
    from pipeline.release.network import ReleaseError

    summary = json.loads((config.output_folder / SUMMARY_FILE).read_text())
    try:
        with display.busy("writing the weights"):
            write_release(config, summary, folder)
    except (ReleaseError, OSError) as error:
        return show_failure(display, error_message(error, (ReleaseError,), folder), log_file)
    display.print(
        f"weights: {escape(short_path(folder))}, for the option `weights` of a network, or for a release page"
    )
    return 0


def _show_results(summary: dict[str, Any], output: Path, display: Display, log_file: Path) -> None:
    from rich.markup import escape

    from pipeline.display.tables import (
        candidate_reasons,
        candidate_table,
        class_table,
        findings_table,
        problems_table,
        target_lines,
    )

    if summary["rejected"]:
        display.print(problems_table(summary["rejected"]))
    if summary["anomalies"]:
        display.print(findings_table(summary))
    display.print(class_table(summary))
    display.print(candidate_table(summary))
    for line in candidate_reasons(summary):
        display.print(f"[dim]{escape(line)}[/]")
    display.print(escape(summary["reason"]))
    if summary["published"]:
        display.print(f"published to {escape(short_path(Path(summary['published'])))}")
    for line in target_lines(summary):
        display.print(escape(line))
    if summary["report"]:
        display.print(escape(f"report: {short_path(Path(summary['report']))}"))
    display.print(escape(f"summary: {short_path(output / SUMMARY_FILE)}   logs: {short_path(log_file.parent)}"))
