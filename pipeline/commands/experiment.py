"""`vocseg experiment`."""

from __future__ import annotations

import argparse
import traceback
from pathlib import Path
from typing import Any

from components.run_files import LOGS_FOLDER
from pipeline.commands.terminal import EXIT_FAILED, EXIT_USAGE, LOG_WIDTH, fail, libraries_to_log, not_installed, shown

DEFAULT_PRESET = "transfer_sample"


def add_parser(commands: Any) -> None:
    """Adds `experiment` and what is below it."""
    experiments = commands.add_parser("experiment", help="compare networks over several seeds").add_subparsers(
        required=True, metavar="EXPERIMENT"
    )
    transfer = experiments.add_parser(
        "transfer",
        help="FCN-8 with and without a detector's VGG-16, FCN-8 against FCN-4 against U-Net",
        description="Train an SSD300, then each candidate from every seed on the same data for as many epochs, and "
        "write OUTPUT/experiment.html: curves, figures with intervals, and pieces of the predictions at the objects' "
        "borders. What was trained before is not trained again.",
    )
    transfer.add_argument(
        "--preset",
        action="append",
        metavar="NAME|FILE.yaml",
        dest="presets",
        help=f"the configuration (default: {DEFAULT_PRESET}); another one for networks of another input size",
    )
    transfer.add_argument("--devkit", metavar="DIR|URI", help="a VOC devkit, the folder that holds JPEGImages")
    transfer.add_argument("--output", type=Path, metavar="DIR", help="where everything goes (default: runs/<preset>)")
    transfer.add_argument("--seeds", type=_seeds, default=[0, 1, 2], metavar="N,N", help="the seeds (default: 0,1,2)")
    transfer.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="overrides",
        help="override a setting of every preset, such as training.epochs=3; may be repeated",
    )
    transfer.set_defaults(command=_transfer, interrupted="interrupted; the same command goes on where it was")


def _seeds(text: str) -> list[int]:
    seeds = [int(seed) for seed in text.split(",")]
    if min(seeds) < 0 or len(set(seeds)) < len(seeds):
        raise argparse.ArgumentTypeError("must be numbers from 0 on, each once, such as 0,1,2")
    return seeds


def _transfer(options: argparse.Namespace) -> int:
    try:
        from rich.console import Console

        from pipeline.config.loading import load_config
        from pipeline.config.problems import ConfigError
    except ModuleNotFoundError as error:
        return fail(not_installed(error, "experiment"), EXIT_USAGE)
    presets = options.presets or [DEFAULT_PRESET]
    output = (options.output or Path("runs") / Path(presets[0]).stem).resolve()
    try:
        configs = [
            load_config(
                preset, overrides=options.overrides, devkit=options.devkit, output=str(output / Path(preset).stem)
            )
            for preset in presets
        ]
    except ConfigError as error:
        return fail(str(error), EXIT_USAGE)
    names = [name for config in configs for name in config.candidates]
    if len(set(names)) < len(names):
        return fail("two presets have a candidate of the same name; name one of them otherwise", EXIT_USAGE)
    from rich.markup import escape

    from pipeline.display.live import Display

    with libraries_to_log(output / LOGS_FOLDER) as (terminal, log_file):
        console = Console(file=terminal, highlight=False, width=None if terminal.isatty() else LOG_WIDTH)
        display = Display(console)
        with display.busy("loading TensorFlow and TFX"):
            from pipeline.experiment.transfer import run_transfer_experiment
            from pipeline.local.runner import RunError
            from tfds_voc_seg.devkit.problems import DevkitError
        try:
            page = run_transfer_experiment(configs, options.seeds, output, display)
        except Exception as error:
            expected = isinstance(error, RunError | DevkitError | ConfigError | OSError)
            message = str(error) if expected else f"unexpected {type(error).__name__}: {error}"
            display.print(f"[bold red]error:[/] {escape(message)}")
            display.print(f"the details are in {escape(shown(log_file))}")
            traceback.print_exc()  # to the log
            return EXIT_FAILED
        display.print(escape(f"page: {shown(page)}"))
    return 0
