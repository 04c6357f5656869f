"""The command line. Heavy libraries are imported inside the commands: `vocseg --help` answers at once."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import datetime
import json
import os
import sys
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from pipeline.config import RunConfig

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130

LOG_WIDTH = 120
"""Columns where the output is no terminal."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command.

    Returns:
        The exit status: 0 done, 1 failed, 2 wrong arguments or configuration, 130 interrupted.
    """
    options = _parser().parse_args(arguments)
    try:
        return options.command(options)
    except KeyboardInterrupt:
        return _fail(options.interrupted, EXIT_INTERRUPTED)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="vocseg", description="Semantic segmentation on PASCAL VOC: data, training, evaluation, publishing."
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    run = commands.add_parser(
        "run",
        help="run the whole pipeline on this machine",
        description="Convert, train all candidates, evaluate, publish the best if it beats the model in service.",
    )
    run.add_argument("--preset", default="demo", metavar="NAME|FILE.yaml", help="the configuration (default: demo)")
    run.add_argument("--devkit", metavar="DIR", help="a VOC devkit, the folder that holds JPEGImages")
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

    evaluate = commands.add_parser(
        "evaluate",
        help="measure published or exported models on a devkit",
        description="Measure SavedModels on a split of a devkit, with the figures of the pipeline's own evaluation. "
        "Models of the same input size and classes are measured on the same pixels and compared.",
    )
    evaluate.add_argument(
        "models",
        nargs="+",
        metavar="MODEL",
        help="a SavedModel, a publishing folder (its latest version), or the output folder of a run",
    )
    evaluate.add_argument(
        "--devkit", required=True, metavar="DIR", help="a VOC devkit, the folder that holds JPEGImages"
    )
    evaluate.add_argument("--split", choices=("train", "val"), default="val", help="of which split (default: val)")
    evaluate.add_argument(
        "--drop-empty", action="store_true", help="leave out images that hold none of a model's classes"
    )
    evaluate.add_argument(
        "--output", default="", metavar="DIR", help="write evaluation.json, images.jsonl and pictures of examples here"
    )
    evaluate.set_defaults(command=_evaluate, interrupted="interrupted")

    report = commands.add_parser(
        "report",
        help="write the report of a run anew",
        description="Write OUTPUT/report/index.html from what the latest finished run left in OUTPUT.",
    )
    report.add_argument("output", type=Path, metavar="OUTPUT", help="what `vocseg run` wrote to")
    report.set_defaults(command=_report, interrupted="interrupted; the report that was there stays")

    lineage = commands.add_parser(
        "lineage",
        help="say where a published model comes from",
        description="Print every artifact that a published model was made from, back to the devkit, with what made it.",
    )
    lineage.add_argument("output", type=Path, metavar="OUTPUT", help="what `vocseg run` wrote to")
    lineage.add_argument("model", nargs="?", metavar="MODEL", help="a version's number or folder (default: the latest)")
    lineage.add_argument("--json", action="store_true", dest="as_json", help="print JSON, with hashes in full")
    lineage.set_defaults(command=_lineage, interrupted="interrupted")

    rollback = commands.add_parser(
        "rollback",
        help="take the newest published version out of service, so that the one before is served",
        description="Move the newest published version of a run to OUTPUT/serving/withdrawn, whole, where TensorFlow "
        "Serving does not look: it then serves the version before. With --to, serve that version: newer ones are "
        "moved there, and one that lies there is put back. A later run does not publish a withdrawn model again.",
    )
    rollback.add_argument("output", type=Path, metavar="OUTPUT", help="a run's output folder, such as runs/demo")
    rollback.add_argument("--to", metavar="VERSION", help="the version to serve (default: the one before the newest)")
    rollback.set_defaults(command=_rollback, interrupted="interrupted; the same command with --to VERSION goes on")

    data = commands.add_parser("data", help="look after data sets").add_subparsers(required=True, metavar="COMMAND")
    sample = data.add_parser(
        "sample",
        help="write the embedded sample devkit",
        description="Write a small VOC devkit of drawn scenes into DIR, which then holds JPEGImages and the rest. "
        "Tools that look for VOCdevkit/VOC2012 find it when DIR ends so.",
    )
    sample.add_argument("folder", type=Path, metavar="DIR", help="a folder that is missing or empty")
    for split in ("train", "val"):
        sample.add_argument(f"--{split}", type=_positive, metavar="N", help=f"how many {split} images")
    sample.add_argument("--seed", type=int, default=0, metavar="N", help="the same seed draws the same (default: 0)")
    sample.set_defaults(command=_data_sample, interrupted="interrupted; nothing was written")

    check = data.add_parser(
        "check",
        help="read every photo and mask of a devkit; say what is wrong and what is there",
        description="Read every photo and mask of the train and val lists. Prints each problem with what to do, then "
        "a summary of classes and sizes. Exits with 1 if there are problems, with 2 if DIR is not a devkit.",
    )
    check.add_argument("folder", type=Path, metavar="DIR", help="a VOC devkit, the folder that holds JPEGImages")
    check.set_defaults(command=_data_check, interrupted="interrupted; the check is not complete")

    show = data.add_parser(
        "show",
        help="write pictures of examples as a network will see them",
        description="Write a PNG an example: the photo after resizing, the mask over it in VOC's colours, a legend.",
    )
    show.add_argument(
        "source",
        metavar="DIR|DATASET",
        help="a VOC devkit, or a dataset that TFDS has prepared, such as voc_seg/person_dog_128",
    )
    show.add_argument("--output", type=Path, required=True, metavar="DIR", help="where the pictures go")
    show.add_argument("--count", type=_positive, default=12, metavar="N", help="how many examples (default: 12)")
    show.add_argument("--split", choices=("train", "val"), default="train", help="of which split (default: train)")
    show.add_argument("--image-size", type=_positive, metavar="N", help="a devkit's examples, pixels (default: 300)")
    show.add_argument(
        "--classes",
        type=_names,
        metavar="NAME,NAME",
        help="keep these classes of a devkit and leave out images with none of them (default: all of VOC's)",
    )
    show.add_argument("--force", action="store_true", help="overwrite pictures that are there")
    show.set_defaults(command=_data_show, interrupted="interrupted; pictures that were written stay")
    return parser


def _report(options: argparse.Namespace) -> int:
    try:
        from pipeline.report.page import write_report
        from pipeline.run_metadata import RunNotFoundError
    except ModuleNotFoundError as error:
        return _fail(_not_installed(error, "report"), EXIT_USAGE)
    try:
        page = write_report(options.output.resolve())
    except RunNotFoundError as error:
        return _fail(str(error), EXIT_USAGE)
    except (OSError, ValueError) as error:
        return _fail(f"the report can't be written: {error}", EXIT_FAILED)
    print(_shown(page))  # noqa: T201
    return 0


def _lineage(options: argparse.Namespace) -> int:
    try:
        from rich.console import Console

        from pipeline.lineage import lineage, lineage_tree
        from pipeline.run_metadata import RunNotFoundError
    except ModuleNotFoundError as error:
        return _fail(_not_installed(error, "lineage"), EXIT_USAGE)
    try:
        origin = lineage(options.output.resolve(), options.model)
    except RunNotFoundError as error:
        return _fail(str(error), EXIT_USAGE)
    if options.as_json:
        print(json.dumps(origin.as_json(), indent=2, ensure_ascii=False))  # noqa: T201
    else:
        width = None if sys.stdout.isatty() else LOG_WIDTH
        Console(highlight=False, width=width).print(lineage_tree(origin))
    return 0


def _not_installed(error: ModuleNotFoundError, command: str) -> str:
    return f"{error.name} is not installed; `vocseg {command}` needs: pip install 'voc-seg[pipeline]'"


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",")]


def _data_check(options: argparse.Namespace) -> int:
    from pipeline.data_commands import check

    return check(options.folder)


def _data_show(options: argparse.Namespace) -> int:
    from pipeline.data_commands import show

    return show(
        options.source,
        options.output,
        count=options.count,
        split=options.split,
        image_size=options.image_size,
        classes=options.classes,
        force=options.force,
    )


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def _data_sample(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from tfds_voc_seg.sample_devkit import DEFAULT_TRAIN_IMAGES, DEFAULT_VAL_IMAGES, write_sample_devkit

    train, val = options.train or DEFAULT_TRAIN_IMAGES, options.val or DEFAULT_VAL_IMAGES

    def advance(done: int, total: int) -> None:
        bar.update()

    bar = tqdm(total=train + val, unit="image", leave=False, disable=not sys.stderr.isatty())
    try:
        with bar:
            write_sample_devkit(
                options.folder,
                train_images=train,
                val_images=val,
                seed=options.seed,
                on_image=advance,
            )
    except (ValueError, OSError) as error:
        return _fail(str(error), EXIT_USAGE)
    print(f"{options.folder} holds {train} train and {val} val images")  # noqa: T201
    return 0


def _rollback(options: argparse.Namespace) -> int:
    from components.model_pusher.rollback import RollbackError, rollback
    from components.published_model.serving_folder import WITHDRAWN_FOLDER

    serving = options.output / "serving"
    if not serving.is_dir():
        return _fail(
            f"{options.output} is not the output of a run that published: it has no folder serving", EXIT_USAGE
        )
    try:
        done = rollback(serving, options.to)
    except (RollbackError, OSError) as error:
        return _fail(str(error), EXIT_USAGE)
    for version in done.withdrawn:
        print(f"version {version} is out of service; it is kept, whole, in {serving / WITHDRAWN_FOLDER / version}")  # noqa: T201
    if not (done.withdrawn or done.restored):
        print(f"version {done.in_service} was in service already; nothing was changed")  # noqa: T201
        return 0
    print(f"version {done.in_service} is in service{' again' if done.restored else ''}")  # noqa: T201
    if done.withdrawn:
        print(f"`vocseg rollback {options.output} --to {done.withdrawn[-1]}` undoes this")  # noqa: T201
    return 0


def _run(options: argparse.Namespace) -> int:
    try:
        from rich.console import Console

        from pipeline.config import ConfigError, load_config
    except ModuleNotFoundError as error:
        return _fail(_not_installed(error, "run"), EXIT_USAGE)

    # A network of one's own may lie here or beside the preset.
    sys.path += [str(Path.cwd()), str(Path(options.preset).resolve().parent)]
    try:
        config = load_config(options.preset, overrides=options.overrides, devkit=options.devkit, output=options.output)
    except ConfigError as error:
        return _fail(str(error), EXIT_USAGE)
    try:
        with _libraries_to_log(config.output_folder / "logs") as (terminal, log_file):
            width = None if terminal.isatty() else LOG_WIDTH
            return _run_and_show(config, Console(file=terminal, highlight=False, width=width), log_file)
    except OSError as error:
        return _fail(f"{config.output_folder} can't be written to: {error}", EXIT_FAILED)


def _run_and_show(config: RunConfig, console: Console, log_file: Path) -> int:
    from rich.markup import escape

    from pipeline.config import ConfigError
    from pipeline.display import (
        Display,
        candidate_reasons,
        candidate_table,
        class_table,
        findings_table,
        problems_table,
    )

    display = Display(console)
    display.print(f"[bold]{config.name}[/]: {', '.join(config.candidates)} → {escape(_shown(config.output_folder))}")
    with display.busy("loading TensorFlow and TFX"):
        from pipeline.local_runner import RunError, run_locally
        from pipeline.sample import prepare_sample
        from tfds_voc_seg.devkit import DevkitError
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
        display.print(f"the details are in {escape(_shown(log_file))}")
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
        display.print(f"published to {escape(_shown(Path(summary['published'])))}")
    summary_file, logs = config.output_folder / "summary.json", log_file.parent
    if summary["report"]:
        display.print(escape(f"report: {_shown(Path(summary['report']))}"))
    display.print(escape(f"summary: {_shown(summary_file)}   logs: {_shown(logs)}"))
    display.save_picture(str(log_file.with_suffix(".svg")))
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    try:
        from rich.console import Console
    except ModuleNotFoundError as error:
        return _fail(f"{error.name} is not installed; it needs: pip install 'voc-seg[pipeline]'", EXIT_USAGE)
    from rich.markup import escape

    from pipeline.display import Display, class_table, evaluation_table

    with tempfile.TemporaryDirectory() as scratch, _libraries_to_log(Path(scratch)) as (terminal, _):
        console = Console(file=terminal, highlight=False, width=None if terminal.isatty() else LOG_WIDTH)
        display = Display(console)
        with display.busy("loading TensorFlow and TFX"):
            from pipeline.evaluate_command import EvaluateError, evaluate_models
            from tfds_voc_seg.devkit import DevkitError
        try:
            evaluations = evaluate_models(
                options.models,
                options.devkit,
                display,
                split=options.split,
                drop_empty=options.drop_empty,
                output=options.output,
            )
        except (EvaluateError, DevkitError, OSError) as error:
            display.print(f"[bold red]error:[/] {escape(str(error))}")
            return EXIT_FAILED
        for evaluation in evaluations:
            display.print(class_table(evaluation))
            display.print(evaluation_table(evaluation))
    return 0


@contextlib.contextmanager
def _libraries_to_log(folder: Path) -> Iterator[tuple[IO[str], Path]]:
    """Sends what libraries print, C++ ones included, to a log file; yields the terminal and the file's path."""
    folder.mkdir(parents=True, exist_ok=True)
    log_file = folder / f"run-{datetime.datetime.now():%Y%m%d-%H%M%S}.log"
    sys.stdout.flush()
    sys.stderr.flush()
    saved = [os.dup(descriptor) for descriptor in (1, 2)]
    terminal = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    try:
        with log_file.open("ab") as log:
            for descriptor in (1, 2):
                os.dup2(log.fileno(), descriptor)
        yield terminal, log_file
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for descriptor, original in zip((1, 2), saved, strict=True):
            os.dup2(original, descriptor)
            os.close(original)
        terminal.close()


def _shown(path: Path) -> str:
    """A path as a person here would write it: relative where it is below the current folder."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _fail(message: str, status: int) -> int:
    for line in message.splitlines():
        print(f"vocseg: {line}", file=sys.stderr)  # noqa: T201
    return status


if __name__ == "__main__":
    sys.exit(main())
