"""SegmentationTrainer's executor on real records, the exported SavedModel, and the parameter `epochs`."""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tensorflow as tf
from tfx import types
from tfx.types import standard_artifacts
from tfx.utils import path_utils

from components.artifacts.records import read_records
from components.progress import Progress, listening
from components.run_files import FEATURES_FOLDER, HISTORY_JSON, MANIFEST_FILE
from components.saved_model.description import read_description
from components.segmentation_trainer import executor
from components.segmentation_trainer.component import SegmentationTrainer
from components.training.config import TrainingConfig
from components.training.input_pipeline import evaluation_batches
from components.training.step_reports import TrainingError
from tests.components.networks.tiny_network import TINY, TINY_WITH_BACKBONE
from tests.conftest import CLASSES, IMAGE_SIZE, VAL_IMAGES
from tfds_voc_seg.records.decoding import image_and_class_map

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CHANNELS = len(CLASSES) + 1
OPTIONS = {"width": 4, "depth": 1, "dropout": 0.0}


@pytest.fixture(scope="module")
def train(
    examples: Any, tmp_path_factory: pytest.TempPathFactory, make_artifact: Callable[..., Any]
) -> Callable[..., tuple[Any, Path]]:
    def run(
        network: str = "unet", options: dict[str, Any] = OPTIONS, state_folder: str = "", **settings: Any
    ) -> tuple[Any, Path]:
        folder = tmp_path_factory.mktemp("training")
        outputs = {"model": [make_artifact("Model", folder / "model")]}
        outputs["model_run"] = [make_artifact("ModelRun", folder / "run")]
        component = SegmentationTrainer(
            types.Channel(type=standard_artifacts.Examples),
            "small",
            network,
            options,
            TrainingConfig(**settings),
            state_folder=state_folder,
        )
        executor.Executor().Do({"examples": [examples]}, outputs, component.exec_properties)
        return outputs["model"][0], folder / "run"

    return run


@pytest.fixture(scope="module")
def trained(train: Callable[..., tuple[Any, Path]]) -> tuple[Any, Path, list[Progress]]:
    reports: list[Progress] = []
    with listening(reports.append):
        model, run = train(epochs=3, batch_size=4, learning_rate=0.01)
    return model, run, reports


def test_the_model_contains_its_description(trained: Any) -> None:
    model, _, _ = trained
    description = read_description(path_utils.serving_model_dir(model.uri))
    assert description.class_names == ("background", *CLASSES)
    assert (description.image_size, description.network, description.options) == (IMAGE_SIZE, "unet", OPTIONS)
    assert description.training["epochs"] == 3
    assert description.parameters > 0
    assert description.train_seconds > 0


def test_features_of_frozen_blocks_are_kept_and_the_whole_network_is_exported(
    train: Callable[..., tuple[Any, Path]], examples: Any, tmp_path: Path
) -> None:
    settings: dict[str, Any] = {"epochs": 2, "batch_size": 4, "frozen_blocks": 1, "cached_images": 1}
    reports: list[Progress] = []
    with listening(reports.append):
        model, run = train(TINY_WITH_BACKBONE, {}, str(tmp_path / "training/small"), **settings)
    assert sum(report.task.startswith("features of the frozen blocks for small, ") for report in reports) == 2 + 3
    (cache,) = (tmp_path / "training" / FEATURES_FOLDER).glob("*/train-0")
    assert (cache / MANIFEST_FILE).is_file()
    assert_exported_epoch_is_the_best(model, run, examples, epochs=2, tolerance=2e-3)  # stored in float16


def test_the_exported_weights_are_those_of_the_best_epoch(trained: Any, examples: Any) -> None:
    model, run, _ = trained
    assert_exported_epoch_is_the_best(model, run, examples, epochs=3, tolerance=1e-6)


def assert_exported_epoch_is_the_best(model: Any, run: Path, examples: Any, epochs: int, tolerance: float) -> None:
    history = json.loads((run / HISTORY_JSON).read_text())
    assert len(history["val_mean_iou"]) == epochs
    segment = tf.saved_model.load(path_utils.serving_model_dir(model.uri)).signatures["segment_images"]
    counts = np.zeros((CHANNELS, CHANNELS))
    files = read_records(examples).files["val"]
    decode = functools.partial(image_and_class_map, image_size=IMAGE_SIZE, channels=CHANNELS)
    for images, classes in evaluation_batches(files, decode, batch_size=4, records=VAL_IMAGES):
        predicted, truth = segment(images=images)["class_map"].numpy(), classes.numpy()
        for i, j in zip(truth[truth != 255], predicted[truth != 255], strict=True):
            counts[i, j] += 1
    present = counts.sum(axis=1) > 0
    iou = np.diag(counts)[present] / (counts.sum(axis=1) + counts.sum(axis=0) - np.diag(counts))[present]
    assert iou.mean() == pytest.approx(max(history["val_mean_iou"]), abs=tolerance)


def test_progress_shows_each_epoch_with_loss_and_mean_iou(trained: Any) -> None:
    _, _, reports = trained
    tasks = list(dict.fromkeys(report.task for report in reports))
    assert tasks == [f"training small, epoch {epoch}/3" for epoch in (1, 2, 3)]
    assert {"loss", "mean_iou", "val_mean_iou"} <= set(reports[-1].values)


@pytest.mark.slow
def test_the_same_seed_trains_the_same_network(train: Callable[..., tuple[Any, Path]]) -> None:
    """Initial weights, the order of the records, augmentation and dropout depend on the seed."""
    runs = [train(TINY, {}, epochs=1, seed=seed)[1] for seed in (5, 5, 6)]
    histories = [json.loads((run / HISTORY_JSON).read_text()) for run in runs]
    assert histories[0] == histories[1] != histories[2]


def test_a_loss_that_is_not_finite_stops_the_training_with_advice(train: Callable[..., tuple[Any, Path]]) -> None:
    with pytest.raises(TrainingError, match=r"the loss is (nan|inf) at step \d+ of epoch \d+: try a lower training"):
        train(TINY, {}, epochs=50, optimizer="sgd", learning_rate=1e30, schedule="constant")


@pytest.mark.parametrize(
    ("given", "trained"), [({}, 20), ({"epochs": 0}, 20), ({"epochs": None}, 20), ({"epochs": 3}, 3)]
)
def test_epochs_above_0_override_the_configured_epochs(given: dict[str, int | None], trained: int) -> None:
    config = TrainingConfig(epochs=20, learning_rate=0.5)
    used = executor.training_config({"training": config.model_dump_json(), **given})
    assert used == config.model_copy(update={"epochs": trained})


def test_a_warm_up_longer_than_the_overriding_epochs_is_refused() -> None:
    config = TrainingConfig(epochs=20, warmup_epochs=5)
    with pytest.raises(ValueError, match="must be at most the 3 epochs of the training"):
        executor.training_config({"training": config.model_dump_json(), "epochs": 3})
