"""`vocseg evaluate`: the pipeline's figures for any SavedModel of this project, without a pipeline."""

from __future__ import annotations

import itertools
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
import tensorflow as tf
import tfx.v1  # noqa: F401  (before TFMA: it installs a stand-in that TFMA needs)
from apache_beam.options.pipeline_options import PipelineOptions
from etils import epath

from components.progress import Progress
from components.run_files import EVALUATION_FILE, SERVING_FOLDER
from components.saved_model.description import ModelDescription
from components.saved_model.serving_folder import ModelNotFoundError, find_saved_model
from components.saved_model.signatures import check_model
from components.segmentation_evaluator.evaluation import EvaluationSpec, evaluate
from components.segmentation_evaluator.summary import evaluation_summary
from pipeline.config.schema import LOCAL_BEAM_ARGS
from pipeline.display.live import Display
from tfds_voc_seg.devkit.folders import find_devkit
from tfds_voc_seg.devkit.problems import problems_error
from tfds_voc_seg.devkit.splits import read_splits
from tfds_voc_seg.record_config import RecordConfig
from tfds_voc_seg.records.encoding import PairEncoder
from tfds_voc_seg.storage import use_fsspec_for_s3


class EvaluateError(ValueError):
    """A model that can't be evaluated; the message says which and why."""


def evaluate_models(
    models: Sequence[str],
    devkit: str,
    display: Display,
    *,
    split: str = "val",
    drop_empty: bool = False,
    output: str = "",
) -> list[dict[str, Any]]:
    """Evaluates SavedModels on a split of a devkit.

    Models of the same input size and classes share the records and are compared with each other.

    Args:
        models: a SavedModel, a publishing folder (its latest version), or a run's output folder, each.
        devkit: a VOC devkit, or a folder above it; a path or a URI.
        display: shows the progress.
        split: `train` or `val`.
        drop_empty: leave out images that hold none of the models' classes.
        output: where `evaluation.json`, `images.jsonl` and pictures of examples go, in a folder a group of models where
            there are several; empty for nowhere.

    Returns:
        What `summary.evaluation_summary` gives, of each group.

    Raises:
        EvaluateError: a model can't be evaluated.
        DevkitError: the devkit, or a pair of it, can't be used.
    """
    use_fsspec_for_s3(devkit)
    found = find_devkit(devkit)
    try:
        found_models = [find_saved_model(model) for model in models]
    except ModelNotFoundError as error:
        raise EvaluateError(str(error)) from error
    groups = _groups(_named(found_models))
    evaluations: list[dict[str, Any]] = []
    for (image_size, class_names), folders in groups.items():
        with tempfile.TemporaryDirectory() as scratch:
            config = RecordConfig(image_size, class_names[1:], drop_empty=drop_empty)
            records = f"{scratch}/records"
            with display.live():
                written = _write_records(found, split, config, records, display)
            if not written:
                raise EvaluateError(
                    f"no image of the {split} split of {found} holds any of {', '.join(config.classes)}: leave out "
                    "--drop-empty"
                )
            folder = epath.Path(output or scratch)
            if output and len(groups) > 1:
                folder /= f"{image_size}_pixels_{len(class_names)}_classes_{len(evaluations) + 1}"
            folder.mkdir(parents=True, exist_ok=True)
            spec = EvaluationSpec([records], folders, class_names, image_size, (str(found), config))
            with (
                display.busy(f"evaluating {', '.join(folders)}"),
                beam.Pipeline(options=PipelineOptions(list(LOCAL_BEAM_ARGS))) as pipeline,
            ):
                evaluate(pipeline, spec, folder)
            evaluation = evaluation_summary(spec, folder, split)
            (folder / EVALUATION_FILE).write_text(json.dumps(evaluation, indent=2))
            evaluations.append(evaluation)
    return evaluations


def _named(folders: Sequence[Path]) -> dict[str, str]:
    """Names the models for people: after the folder, a version after the run that it is from; no name twice."""
    named: dict[str, str] = {}
    for folder in folders:
        run = folder.parent.parent.name if folder.parent.name == SERVING_FOLDER else folder.parent.name
        name = f"{run}-{folder.name}" if folder.name.isdigit() and run else folder.name
        numbered = (f"{name} ({number})" for number in itertools.count(2))
        named[name if name not in named else next(other for other in numbered if other not in named)] = str(folder)
    return named


def _groups(models: dict[str, str]) -> dict[tuple[int, tuple[str, ...]], dict[str, str]]:
    groups: dict[tuple[int, tuple[str, ...]], dict[str, str]] = {}
    for name, folder in models.items():
        description = _description(folder)
        groups.setdefault((description.image_size, description.class_names), {})[name] = folder
    return groups


def _description(folder: str) -> ModelDescription:
    """Reads what a model says of itself, once it can be evaluated."""
    try:
        description = check_model(folder)
        RecordConfig(description.image_size, description.class_names[1:])
    except ValueError as error:
        raise EvaluateError(f"{folder} can't be evaluated: {error}") from error
    return description


def _write_records(devkit: Path, split: str, config: RecordConfig, file: str, display: Display) -> int:
    """Converts the split's pairs; gives how many records were written."""
    listing, encoder = read_splits(devkit)[split], PairEncoder(config)
    if listing.problems:
        raise problems_error(f"the {split} split of {devkit} can't be used", listing.problems)
    written = 0
    with tf.io.TFRecordWriter(file) as writer:
        for done, pair in enumerate(listing.pairs, start=1):
            record = encoder(pair)
            if record is not None:
                writer.write(record)
                written += 1
            display.progress(Progress("reading pairs", done, len(listing.pairs)))
    return written
