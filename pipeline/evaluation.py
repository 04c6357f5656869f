"""Evaluates SavedModels with the pipeline's metrics, without a pipeline: the work of `vocseg evaluate`."""

from __future__ import annotations

import dataclasses
import itertools
import json
import tempfile
from typing import TYPE_CHECKING, Any

import apache_beam as beam
import tensorflow as tf
from apache_beam.options.pipeline_options import PipelineOptions
from etils import epath

from components.progress import Progress
from components.run_files import EVALUATION_FILE, SERVING_FOLDER
from components.saved_model.records_of_model import records_of_model
from components.saved_model.serving_folder import ModelNotFoundError
from components.saved_model.signatures import check_model
from components.segmentation_evaluator.evaluation import EvaluationSpec, evaluate
from components.segmentation_evaluator.segmentation import models_kept
from components.segmentation_evaluator.summary import evaluation_summary
from components.targets.target_folder import is_target, read_target
from pipeline.config.schema import LOCAL_BEAM_ARGS
from pipeline.engines.engine import ModelError
from pipeline.engines.selection import ModelFiles, choose_engine, find_model
from tfds_voc_seg.conversion.outcome import write_rejects
from tfds_voc_seg.devkit.folders import PairError, find_devkit
from tfds_voc_seg.devkit.label_sets import devkit_labels
from tfds_voc_seg.devkit.problems import problems_error
from tfds_voc_seg.devkit.splits import read_split, split_names
from tfds_voc_seg.image_size import size_name
from tfds_voc_seg.records.encoding import PairEncoder
from tfds_voc_seg.records.files import evaluation_split
from tfds_voc_seg.storage import use_fsspec_for_s3

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pipeline.display.live import Display
    from tfds_voc_seg.devkit.problems import Problem
    from tfds_voc_seg.record_config import OnBadPair, RecordConfig


class EvaluateError(ValueError):
    """A model cannot be evaluated; the message says which one and why."""


def evaluate_models(
    models: Sequence[str],
    devkit: str,
    display: Display,
    *,
    split: str | None = None,
    drop_empty: bool = False,
    on_bad_pair: OnBadPair = "fail",
    output: str = "",
    trust: bool = False,
    engine: str = "tensorflow",
) -> list[dict[str, Any]]:
    """Evaluates SavedModels on a split of a devkit.

    Models that need the same records (input size, classes, treatment of void) form a group, and are compared with each
    other.

    Args:
        models: SavedModels, publishing folders (their latest version), output folders of runs, or export targets.
        devkit: a VOC devkit, or a folder above it; a path or a URI.
        display: shows the progress.
        split: `train`, `val` or `test`; by default the split that a run compares its candidates by, which is `test` if
            the devkit has it, else `val`.
        drop_empty: skip images without any of the models' classes.
        on_bad_pair: `"fail"` stops with a list of all bad pairs; `"skip"` leaves them out of the measurement.
        output: gets `evaluation.json`, `images.jsonl` and example pictures, and `rejects.jsonl` if pairs were skipped,
            in one subfolder per group if there are several groups. An empty text: nothing is kept.
        trust: also load models whose graph could reach files, processes or the network.
        engine: what runs the networks, see `pipeline.engines.selection.choose_engine`.

    Returns:
        The result of `evaluation_summary` for each group, and under `rejected` the problems of the skipped pairs.

    Raises:
        EvaluateError: a model cannot be evaluated, or no image is left to evaluate it on.
        DevkitError: the devkit, or one of its pairs, cannot be used.
    """
    use_fsspec_for_s3(devkit)
    devkit_folder = find_devkit(devkit)
    split = split or evaluation_split(split_names(devkit_folder))
    try:
        named = _name_models([find_model(model) for model in models])
        engines = {name: choose_engine(files, engine, trust=trust) for name, files in named.items()}
    except (ModelNotFoundError, ModelError) as error:
        raise EvaluateError(str(error)) from error
    folders = {name: str(files.folder_of(engines[name])) for name, files in named.items()}
    groups = _group_models(folders, devkit_folder, trust)
    evaluations: list[dict[str, Any]] = []
    for number, (config, group_models) in enumerate(groups.items(), start=1):
        config = dataclasses.replace(config, drop_empty=drop_empty)
        geometry, channels = config.geometry, config.channels
        assert geometry is not None  # a model has an input size
        with tempfile.TemporaryDirectory() as scratch:
            records = f"{scratch}/records"
            with display.live():
                written, rejected = _write_records(devkit_folder, split, config, records, display, on_bad_pair)
            if not written:
                raise EvaluateError(
                    f"no image of the {split} split of {devkit_folder} contains any of {', '.join(config.foreground)}: "
                    "omit --drop-empty"
                )
            folder = epath.Path(output or scratch)
            if output and len(groups) > 1:
                folder /= f"{size_name(geometry.image_size)}_pixels_{len(channels.names)}_classes_{number}"
            folder.mkdir(parents=True, exist_ok=True)
            masks = (str(devkit_folder), config)
            spec = EvaluationSpec([records], group_models, channels, geometry, masks, config.void)
            with display.busy(f"evaluating {', '.join(group_models)}"):
                evaluation = run_evaluation(spec, folder, split, LOCAL_BEAM_ARGS)
            if rejected:
                write_rejects(folder, [(split, problem) for problem in rejected])
            evaluations.append({**evaluation, "rejected": [dataclasses.asdict(problem) for problem in rejected]})
    return evaluations


def run_evaluation(spec: EvaluationSpec, folder: epath.Path, split: str, beam_args: Sequence[str]) -> dict[str, Any]:
    """Runs the Beam job of an evaluation.

    Args:
        spec: the models and the records.
        folder: gets `evaluation.json`, `images.jsonl` and example pictures; it exists.
        split: the name of the split, for the result.
        beam_args: Beam's pipeline options.

    Returns:
        The content of `evaluation.json`.
    """
    with models_kept():
        with beam.Pipeline(options=PipelineOptions(list(beam_args))) as pipeline:
            evaluate(pipeline, spec, folder)
        evaluation = evaluation_summary(spec, folder, split)
    (folder / EVALUATION_FILE).write_text(json.dumps(evaluation, indent=2))
    return evaluation


def _name_models(models: Sequence[ModelFiles]) -> dict[str, ModelFiles]:
    """Gives each model a unique name.

    A model is named after its folder, and a published version after its run and its number. A repeated name gets a
    number.

    Returns:
        Name → model.
    """
    named: dict[str, ModelFiles] = {}
    for model in models:
        folder = model.folder
        run = folder.parent.parent.name if folder.parent.name == SERVING_FOLDER else folder.parent.name
        name = f"{run}-{folder.name}" if folder.name.isdigit() and run else folder.name
        candidates = itertools.chain([name], (f"{name} ({number})" for number in itertools.count(2)))
        named[next(candidate for candidate in candidates if candidate not in named)] = model
    return named


def _group_models(models: Mapping[str, str], devkit: Path, trust: bool) -> dict[RecordConfig, dict[str, str]]:
    """Groups models (name → folder) by the records that they need."""
    groups: dict[RecordConfig, dict[str, str]] = {}
    for name, folder in models.items():
        groups.setdefault(_record_config(folder, devkit, trust), {})[name] = folder
    return groups


def _record_config(folder: str, devkit: Path, trust: bool) -> RecordConfig:
    """Returns how to convert the devkit's pairs for a model, see `records_of_model`.

    Raises:
        EvaluateError: the model cannot be evaluated on this devkit.
    """
    labels = devkit_labels(devkit)
    try:
        description = read_target(folder).model if is_target(folder) else check_model(folder, trust=trust)
        return records_of_model(description, labels)
    except ValueError as error:
        raise EvaluateError(f"{folder} cannot be evaluated: {error}") from error


def _write_records(
    devkit: Path, split: str, config: RecordConfig, file: str, display: Display, on_bad_pair: OnBadPair
) -> tuple[int, list[Problem]]:
    """Converts the pairs of a split into one file of records.

    Returns:
        The number of records, and the problems of the pairs that were skipped.

    Raises:
        DevkitError: there are bad pairs and they are not to be skipped.
    """
    listing, encoder = read_split(devkit, split), PairEncoder(config)
    written, problems = 0, list(listing.problems)
    with tf.io.TFRecordWriter(file) as writer:
        for done, pair in enumerate(listing.pairs, start=1):
            try:
                record = encoder(pair)
            except PairError as error:
                problems += error.problems
                record = None
            if record is not None:
                writer.write(record)
                written += 1
            display.progress(Progress("reading pairs", done, len(listing.pairs)))
    if problems and on_bad_pair == "fail":
        heading = f"the {split} split of {devkit} cannot be used; fix these pairs, or skip them (--on-bad-pair skip)"
        raise problems_error(heading, problems)
    return written, problems
