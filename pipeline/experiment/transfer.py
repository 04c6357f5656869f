"""`vocseg experiment transfer`: trains what the presets say from several seeds, and writes one page about it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
import tfx.v1  # noqa: F401  (first: it installs a stand-in that other libraries need)
from apache_beam.options.pipeline_options import PipelineOptions
from etils import epath
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import path_utils

from components.artifacts.records import read_records
from components.run_files import (
    EVALUATION_FILE,
    EXAMPLES_FOLDER,
    EXPERIMENT_EVALUATION_FOLDER,
    EXPERIMENT_PAGE_FILE,
    EXPERIMENT_RESULTS_FILE,
    HISTORY_JSON,
)
from components.segmentation_evaluator.evaluation import EvaluationSpec, evaluate, read_rows
from components.segmentation_evaluator.summary import evaluation_summary
from pipeline.config.schema import RunConfig
from pipeline.display.live import Display
from pipeline.experiment.crops import Crop, border_crop
from pipeline.experiment.figures import Arm, arm
from pipeline.experiment.page import Experiment, experiment_page, results_as_json
from pipeline.experiment.seeds import seeded, with_seeds
from pipeline.local.runner import run_nodes
from pipeline.local.sample import prepare_sample
from pipeline.metadata.runs import NodeOutputs, outputs_of_run
from pipeline.pipeline import trainer_id
from pipeline.places import devkit_folder
from pipeline.report.detector import Detector, read_detector
from tfds_voc_seg.records.files import TRAIN_SPLIT, VAL_SPLIT
from tfds_voc_seg.storage import write_text_whole

PUBLISHING_NODES = ("PublishedModel", "ModelSmokeTest", "SegmentationEvaluator", "ModelSelector", "Pusher")
"""An experiment publishes nothing. It evaluates by itself, whoever would fail the smoke test included."""

SHOWN_CROPS = 4


def run_transfer_experiment(configs: Sequence[RunConfig], seeds: Sequence[int], output: Path, display: Display) -> Path:
    """Runs an experiment, or what is left of it: what was trained before comes from TFX's cache.

    Args:
        configs: the runs, one an image size; each writes into its own output folder.
        seeds: every candidate is trained from each.
        output: gets `experiment.html`, and `experiment.json` with the same figures.
        display: shows the nodes and their progress.

    Returns:
        The page.

    Raises:
        RunError: a node failed.
        DevkitError: a devkit can't be used.
        ConfigError: a network can't be made.
    """
    arms: list[Arm] = []
    crops: list[Crop] = []
    detector: Detector | None = None
    for config in configs:
        prepare_sample(config, display)
        run_id, store, _ = run_nodes(with_seeds(config, seeds), display, without=PUBLISHING_NODES)
        outputs = outputs_of_run(store, run_id)
        evaluation_folder = epath.Path(config.output_folder / EXPERIMENT_EVALUATION_FOLDER)
        with display.busy("evaluating"):
            evaluation = _evaluate(config, outputs, evaluation_folder)
        histories = _histories(outputs, config, seeds)
        rows = read_rows(evaluation_folder)
        arms += [arm(name, seeds, histories, evaluation, rows) for name in config.candidates]
        crops += _crops(evaluation_folder, evaluation, list(config.candidates), seeds[0])
        if "DetectorTrainer" in outputs:
            detector = read_detector(epath.Path(outputs["DetectorTrainer"]["detector_run"].uri))
    experiment = Experiment(
        arms=arms,
        seeds=seeds,
        crops=crops,
        detector=detector,
        configs=[config.model_dump(mode="json", exclude_defaults=True) for config in configs],
    )
    output.mkdir(parents=True, exist_ok=True)
    write_text_whole(output / EXPERIMENT_RESULTS_FILE, json.dumps(results_as_json(experiment), indent=2))
    write_text_whole(output / EXPERIMENT_PAGE_FILE, experiment_page(experiment))
    return output / EXPERIMENT_PAGE_FILE


def _evaluate(config: RunConfig, outputs: NodeOutputs, folder: epath.Path) -> dict[str, Any]:
    """Evaluates all trained networks on val, as a run's SegmentationEvaluator does."""
    examples = standard_artifacts.Examples()
    examples.uri = outputs["VocExampleGen"]["examples"].uri
    examples.split_names = artifact_utils.encode_split_names([TRAIN_SPLIT, VAL_SPLIT])
    records = read_records(examples)
    models = {
        node.removeprefix(trainer_id("")): path_utils.serving_model_dir(artifacts["model"].uri)
        for node, artifacts in outputs.items()
        if node.startswith(trainer_id(""))
    }
    masks = (str(devkit_folder(config)), config.data.record)
    spec = EvaluationSpec(records.files[VAL_SPLIT], models, records.class_names, records.image_size, masks)
    if folder.exists():
        folder.rmtree()
    folder.mkdir(parents=True)
    with beam.Pipeline(options=PipelineOptions(list(config.beam.args))) as pipeline:
        evaluate(pipeline, spec, folder)
    evaluation = evaluation_summary(spec, folder, VAL_SPLIT)
    (folder / EVALUATION_FILE).write_text(json.dumps(evaluation, indent=2))
    return evaluation


def _histories(outputs: NodeOutputs, config: RunConfig, seeds: Sequence[int]) -> dict[str, Mapping[str, Any]]:
    names = [seeded(name, seed) for name in config.candidates for seed in seeds]
    folders = {name: epath.Path(outputs[trainer_id(name)]["model_run"].uri) for name in names}
    return {name: json.loads((folder / HISTORY_JSON).read_text()) for name, folder in folders.items()}


def _crops(folder: epath.Path, evaluation: Mapping[str, Any], candidates: Sequence[str], seed: int) -> list[Crop]:
    """Pieces of the images in the middle, then of the others, as the first seed's networks see them."""
    ranked = sorted(evaluation["examples"], key=lambda example: example["rank"] != "median")
    models = {name: seeded(name, seed) for name in candidates}
    images = [folder / EXAMPLES_FOLDER / example["image_id"] for example in ranked[:SHOWN_CROPS]]
    return [border_crop(image, models, evaluation["class_names"]) for image in images]
