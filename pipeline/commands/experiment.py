"""`vocseg experiment`."""

from __future__ import annotations

import argparse
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from components.allocator import loading_libraries
from components.locks import LockedError, locked
from components.run_files import LOGS_FOLDER
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
    from collections.abc import Sequence

    from pipeline.commands.terminal import CommandGroup
    from pipeline.config.schema import RunConfig
    from pipeline.display.live import Display

DEFAULT_PRESET = "transfer_sample"


def add_parser(commands: CommandGroup) -> None:
    """Adds `experiment` and its commands."""
    experiments = commands.add_parser("experiment", help="compare networks over several seeds").add_subparsers(
        required=True, metavar="EXPERIMENT"
    )
    transfer = experiments.add_parser(
        "transfer",
        help="compare FCN-8 with and without a detector's VGG-16, and FCN-8 with FCN-4 and U-Net",
        description="Train an SSD300. Then train each candidate once per seed, on the same data and for the same "
        "number of epochs. Write OUTPUT/experiment.html: training curves, metrics with intervals, and crops of the "
        "predictions at the objects' borders. Finished trainings of an earlier run are not repeated.",
    )
    transfer.add_argument(
        "--preset",
        action="append",
        metavar="NAME|FILE.yaml",
        dest="presets",
        help=f"the configuration (default: {DEFAULT_PRESET}); repeat it for networks with another input size",
    )
    transfer.add_argument(
        "--devkit", type=place, metavar="DIR|URI", help="a VOC devkit: the folder that holds JPEGImages"
    )
    transfer.add_argument(
        "--output", type=local_path, metavar="DIR", help="where all results are written (default: runs/<preset>)"
    )
    transfer.add_argument("--seeds", type=_seeds, default=[0, 1, 2], metavar="N,N", help="the seeds (default: 0,1,2)")
    add_wait_option(transfer)
    add_override_option(transfer, "override a setting of every preset, such as training.epochs=3")
    transfer.set_defaults(
        command=_transfer, interrupted="interrupted; the same command resumes after the last finished node"
    )


def _seeds(text: str) -> list[int]:
    with contextlib.suppress(ValueError):
        seeds = [int(seed) for seed in text.split(",")]
        if min(seeds) >= 0 and len(set(seeds)) == len(seeds):
            return seeds
    raise argparse.ArgumentTypeError(f"must be different numbers of 0 or more, such as 0,1,2, not {text!r}")


def _transfer(options: argparse.Namespace) -> int:
    try:
        from pipeline.config.loading import load_config
        from pipeline.config.problems import ConfigError, refuse_tracking
        from pipeline.display.library_output import libraries_to_log
        from pipeline.display.live import Display
        from tfds_voc_seg.disk_errors import write_problem
        from tfds_voc_seg.storage import StorageError, require_no_pattern
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
        for config in configs:
            refuse_tracking(config)
        require_no_pattern(output)
    except ConfigError as error:
        return fail(str(error), EXIT_USAGE)
    except StorageError as error:
        return fail(f"--output: {error}", EXIT_USAGE)
    names = [name for config in configs for name in config.candidates]
    if len(set(names)) < len(names):
        return fail("two presets have a candidate of the same name; rename one of them", EXIT_USAGE)
    try:
        with (
            locked(output, "vocseg experiment transfer", wait=options.wait, on_wait=warn),
            libraries_to_log(output / LOGS_FOLDER) as (terminal, log_file),
        ):
            return _run_experiment(configs, options.seeds, output, Display(make_console(terminal)), log_file)
    except LockedError as error:
        return fail(str(error), EXIT_FAILED)
    except BrokenPipeError:  # the reader of the output ended
        raise
    except OSError as error:
        return fail(write_problem(error, output), EXIT_FAILED)


def _run_experiment(
    configs: Sequence[RunConfig], seeds: Sequence[int], output: Path, display: Display, log_file: Path
) -> int:
    from rich.markup import escape

    from pipeline.config.problems import ConfigError

    with display.busy("loading TensorFlow and TFX"), loading_libraries():
        from pipeline.doctor.devices import show_device
        from pipeline.experiment.transfer import run_transfer_experiment
        from pipeline.local.node_monitor import RunError
        from pipeline.metadata.database import DatabaseError
        from tfds_voc_seg.devkit.problems import DevkitError
    show_device(display)
    try:
        page = run_transfer_experiment(configs, seeds, output, display)
    except Exception as error:
        expected = (RunError, DevkitError, ConfigError, DatabaseError, LockedError, OSError)
        return show_failure(display, error_message(error, expected, output), log_file)
    display.print(escape(f"page: {short_path(page)}"))
    return 0
