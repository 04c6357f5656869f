"""Runs `vocseg experiment transfer`: trains the candidates of the presets once per seed and writes a page."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from etils import epath
from tfx.types import standard_artifacts
from tfx.utils import path_utils

from components.artifacts.records import read_records
from components.run_files import (
    EVALUATION_FILE,
    EXAMPLES_FOLDER,
    EXPERIMENT_EVALUATION_FOLDER,
    EXPERIMENT_PAGE_FILE,
    EXPERIMENT_RESULTS_FILE,
)
from components.segmentation_evaluator.evaluation import EvaluationSpec, read_rows
from pipeline.code_fingerprint import code_fingerprint
from pipeline.evaluation import run_evaluation
from pipeline.experiment.crops import Crop, border_crop
from pipeline.experiment.figures import Arm, make_arm
from pipeline.experiment.page import Experiment, experiment_page, results_as_json
from pipeline.experiment.seeds import seeded_name, with_seeds
from pipeline.experiment.stored_evaluation import evaluated_once
from pipeline.local.runner import read_history, run_nodes
from pipeline.local.sample import prepare_sample
from pipeline.pipeline import trainer_id
from pipeline.places import devkit_folder
from pipeline.report.detector import Detector, read_detector
from tfds_voc_seg.label_set_files import label_set_from
from tfds_voc_seg.storage import write_text_whole

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pipeline.config.schema import RunConfig
    from pipeline.display.live import Display
    from pipeline.metadata.runs import NodeOutputs

NODES_AFTER_TRAINING = (
    "PublishedModel",
    "ModelSmokeTest",
    "SegmentationEvaluator",
    "ModelSelector",
    "TargetExporter",
    "Pusher",
)
"""Nodes that an experiment omits. It publishes nothing, and it evaluates all networks itself, without a smoke test."""

SHOWN_CROPS = 4


def run_transfer_experiment(configs: Sequence[RunConfig], seeds: Sequence[int], output: Path, display: Display) -> Path:
    """Runs an experiment, or resumes it.

    Trainings and evaluations that an earlier run has finished are not repeated. A training that it has begun continues
    after its last finished epoch.

    Args:
        configs: one run per image size; each has its own output folder.
        seeds: every candidate is trained once per seed.
        output: gets the page `experiment.html`, and `experiment.json` with the same figures.
        display: shows the nodes and their progress.

    Returns:
        The path of the page.

    Raises:
        RunError: a node has failed.
        DevkitError: a devkit cannot be used.
        ConfigError: a network cannot be created.
    """
    arms: list[Arm] = []
    crops: list[Crop] = []
    detector: Detector | None = None
    for config in configs:
        prepare_sample(config, display)
        outputs = run_nodes(with_seeds(config, seeds), display, without=NODES_AFTER_TRAINING).outputs()
        with display.busy("evaluating"):
            evaluation_folder = _evaluate(config, outputs)
        evaluation = json.loads((evaluation_folder / EVALUATION_FILE).read_text())
        names = [seeded_name(name, seed) for name in config.candidates for seed in seeds]
        histories = {name: read_history(outputs, name) for name in names}
        rows = read_rows(evaluation_folder)
        arms += [make_arm(name, seeds, histories, evaluation, rows) for name in config.candidates]
        crops += _crops(evaluation_folder, evaluation, list(config.candidates), seeds[0])
        if "DetectorTrainer" in outputs:
            detector = read_detector(epath.Path(outputs["DetectorTrainer"]["detector_run"].uri))
    experiment = Experiment(
        arms=arms,
        seeds=seeds,
        crops=crops,
        detector=detector,
        split=evaluation["split"],
        configs=[config.model_dump(mode="json", exclude_defaults=True) for config in configs],
        labels=configs[0].data.record.channels,
    )
    output.mkdir(parents=True, exist_ok=True)
    write_text_whole(output / EXPERIMENT_RESULTS_FILE, json.dumps(results_as_json(experiment), indent=2))
    write_text_whole(output / EXPERIMENT_PAGE_FILE, experiment_page(experiment))
    return output / EXPERIMENT_PAGE_FILE


def _evaluate(config: RunConfig, outputs: NodeOutputs) -> epath.Path:
    """Evaluates all trained networks on the test or val split, as the SegmentationEvaluator of a run does.

    Returns:
        The folder with the result, which comes from an earlier run if all networks do.
    """
    examples = standard_artifacts.Examples()
    examples.set_mlmd_artifact(outputs["VocExampleGen"]["examples"])
    records = read_records(examples)
    models = {
        node.removeprefix(trainer_id("")): path_utils.serving_model_dir(artifacts["model"].uri)
        for node, artifacts in outputs.items()
        if node.startswith(trainer_id(""))
    }
    masks = (str(devkit_folder(config)), config.data.record)
    split = records.evaluation_split
    spec = EvaluationSpec(records.files[split], models, records.channels, records.geometry, masks, records.void)
    return evaluated_once(
        epath.Path(config.output_folder / EXPERIMENT_EVALUATION_FOLDER),
        [repr(spec), split, code_fingerprint("pipeline.evaluation")],
        lambda folder: run_evaluation(spec, folder, split, config.beam.args),
    )


def _crops(folder: epath.Path, evaluation: Mapping[str, Any], candidates: Sequence[str], seed: int) -> list[Crop]:
    """Crops the predictions of the networks with one seed: the median images first, then the best and the worst."""
    ranked = sorted(evaluation["examples"], key=lambda example: example["rank"] != "median")
    models = {name: seeded_name(name, seed) for name in candidates}
    images = [folder / EXAMPLES_FOLDER / example["image_id"] for example in ranked[:SHOWN_CROPS]]
    return [border_crop(image, models, label_set_from(evaluation["labels"])) for image in images]
