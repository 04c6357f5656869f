"""`vocseg run`."""

from __future__ import annotations

import argparse
import dataclasses
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.run_files import LOGS_FOLDER, SUMMARY_FILE
from pipeline.commands.terminal import EXIT_FAILED, EXIT_USAGE, LOG_WIDTH, fail, libraries_to_log, not_installed, shown

if TYPE_CHECKING:
    from rich.console import Console

    from pipeline.config.schema import RunConfig


def add_parser(commands: Any) -> None:
    """Adds `run`."""
    run = commands.add_parser(
        "run",
        help="run the whole pipeline on this machine",
        description="Convert, train all candidates, evaluate, publish the best if it beats the model in service.",
    )
    run.add_argument("--preset", default="demo", metavar="NAME|FILE.yaml", help="the configuration (default: demo)")
    run.add_argument("--devkit", metavar="DIR|URI", help="a VOC devkit, the folder that holds JPEGImages")
    run.add_argument("--output", metavar="DIR", help="where everything goes (default: runs/<preset>)")
    run.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="overrides",
        help="override a setting, such as training.epochs=3; may be repeated",
    )
    run.set_defaults(command=_run, interrupted="interrupted; the same command goes on from the last finished node")


def _run(options: argparse.Namespace) -> int:
    try:
        from rich.console import Console

        from pipeline.config.loading import load_config
        from pipeline.config.problems import ConfigError
    except ModuleNotFoundError as error:
        return fail(not_installed(error, "run"), EXIT_USAGE)

    # A network of one's own may lie here or beside the preset.
    sys.path += [str(Path.cwd()), str(Path(options.preset).resolve().parent)]
    try:
        config = load_config(options.preset, overrides=options.overrides, devkit=options.devkit, output=options.output)
    except ConfigError as error:
        return fail(str(error), EXIT_USAGE)
    try:
        with libraries_to_log(config.output_folder / LOGS_FOLDER) as (terminal, log_file):
            width = None if terminal.isatty() else LOG_WIDTH
            return _run_and_show(config, Console(file=terminal, highlight=False, width=width), log_file)
    except OSError as error:
        return fail(f"{config.output_folder} can't be written to: {error}", EXIT_FAILED)


def _run_and_show(config: RunConfig, console: Console, log_file: Path) -> int:
    from rich.markup import escape

    from pipeline.config.problems import ConfigError
    from pipeline.display.live import Display
    from pipeline.display.tables import candidate_reasons, candidate_table, class_table, findings_table, problems_table

    display = Display(console)
    display.print(f"[bold]{config.name}[/]: {', '.join(config.candidates)} → {escape(shown(config.output_folder))}")
    with display.busy("loading TensorFlow and TFX"):
        from pipeline.local.runner import RunError, run_locally
        from pipeline.local.sample import prepare_sample
        from tfds_voc_seg.devkit.problems import DevkitError
    try:
        prepare_sample(config, display)
        summary = run_locally(config, display)
    except Exception as error:
        expected = isinstance(error, RunError | DevkitError | ConfigError)
        message = str(error) if expected else f"unexpected {type(error).__name__}: {error}"
        problems = getattr(error, "problems", ())
        if problems:
            message = message.splitlines()[0]  # the rest of it is the table
            display.print(problems_table([dataclasses.asdict(problem) for problem in problems]))
        display.print(f"[bold red]error:[/] {escape(message)}")
        display.print(f"the details are in {escape(shown(log_file))}")
        traceback.print_exc()  # to the log
        return EXIT_FAILED
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
        display.print(f"published to {escape(shown(Path(summary['published'])))}")
    summary_file, logs = config.output_folder / SUMMARY_FILE, log_file.parent
    if summary["report"]:
        display.print(escape(f"report: {shown(Path(summary['report']))}"))
    display.print(escape(f"summary: {shown(summary_file)}   logs: {shown(logs)}"))
    display.save_picture(str(log_file.with_suffix(".svg")))
    return 0
