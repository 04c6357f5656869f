"""The trainer's executor on real records, and the SavedModel it exports."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tfx import types
from tfx.types import standard_artifacts
from tfx.utils import path_utils

from components.progress import Progress, listening
from components.record_artifacts import read_records
from components.segmentation_trainer import executor
from components.segmentation_trainer.component import SegmentationTrainer
from components.segmentation_trainer.export import read_description
from components.segmentation_trainer.input_pipeline import evaluation_batches
from components.segmentation_trainer.training import TrainingError, make_optimizer
from components.segmentation_trainer.training_config import TrainingConfig
from tests.conftest import CLASSES, IMAGE_SIZE

CHANNELS = len(CLASSES) + 1
OPTIONS = {"width": 4, "depth": 1, "dropout": 0.0}


@pytest.fixture(scope="module")
def train(
    examples: Any, tmp_path_factory: pytest.TempPathFactory, make_artifact: Callable[..., Any]
) -> Callable[..., tuple[Any, Path]]:
    def run(**settings: Any) -> tuple[Any, Path]:
        folder = tmp_path_factory.mktemp("training")
        outputs = {"model": [make_artifact("Model", folder / "model")]}
        outputs["model_run"] = [make_artifact("ModelRun", folder / "run")]
        component = SegmentationTrainer(
            types.Channel(type=standard_artifacts.Examples), "small", "unet", OPTIONS, TrainingConfig(**settings)
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


def test_the_published_model_segments_raw_bytes_of_any_size(trained: Any, devkit: Path) -> None:
    model, _, _ = trained
    loaded = tf.saved_model.load(path_utils.serving_model_dir(model.uri))
    photos = [path.read_bytes() for path in sorted((devkit / "JPEGImages").iterdir())[:2]]
    png = tf.io.encode_png(np.zeros((7, 301, 3), np.uint8)).numpy()
    class_map = loaded.signatures["serving_default"](image_bytes=tf.constant([*photos, png]))["class_map"]
    assert class_map.shape == (3, IMAGE_SIZE, IMAGE_SIZE)
    assert class_map.dtype == tf.uint8
    assert int(tf.reduce_max(class_map)) < CHANNELS


def test_encoded_photos_and_decoded_images_give_the_same_classes(trained: Any, devkit: Path, examples: Any) -> None:
    model, _, _ = trained
    loaded = tf.saved_model.load(path_utils.serving_model_dir(model.uri))
    segment = loaded.signatures["segment_images"]
    records = read_records(examples)
    names = [
        tf.train.Example.FromString(record.numpy()).features.feature["filename"].bytes_list.value[0].decode()
        for record in tf.data.TFRecordDataset(records.files["val"])
    ]
    photos = tf.constant([(devkit / f"JPEGImages/{name}.jpg").read_bytes() for name in names])
    ((images, _),) = list(evaluation_batches(records.files["val"], IMAGE_SIZE, CHANNELS, batch_size=100))
    np.testing.assert_array_equal(
        segment(images=images)["class_map"], loaded.signatures["serving_default"](image_bytes=photos)["class_map"]
    )
    assert segment(images=tf.zeros((1, 50, 70, 3), tf.uint8))["class_map"].shape == (1, 50, 70)


def test_the_model_says_what_it_is(trained: Any) -> None:
    model, _, _ = trained
    description = read_description(path_utils.serving_model_dir(model.uri))
    assert description.class_names == ("background", *CLASSES)
    assert (description.image_size, description.network, description.options) == (IMAGE_SIZE, "unet", OPTIONS)
    assert description.training["epochs"] == 3
    assert description.parameters > 0
    assert description.train_seconds > 0
    with pytest.raises(ValueError, match="is not a model of this project"):
        read_description(model.uri)


def test_the_exported_weights_are_the_best_epochs(trained: Any, examples: Any) -> None:
    model, run, _ = trained
    history = json.loads((run / executor.HISTORY_FILE).read_text())
    assert len(history["val_mean_iou"]) == 3
    segment = tf.saved_model.load(path_utils.serving_model_dir(model.uri)).signatures["segment_images"]
    counts = np.zeros((CHANNELS, CHANNELS))
    for images, classes in evaluation_batches(read_records(examples).files["val"], IMAGE_SIZE, CHANNELS, batch_size=4):
        predicted, truth = segment(images=images)["class_map"].numpy(), classes.numpy()
        for i, j in zip(truth[truth != 255], predicted[truth != 255], strict=True):
            counts[i, j] += 1
    present = counts.sum(axis=1) > 0
    iou = np.diag(counts)[present] / (counts.sum(axis=1) + counts.sum(axis=0) - np.diag(counts))[present]
    assert iou.mean() == pytest.approx(max(history["val_mean_iou"]), abs=1e-6)


def test_progress_shows_each_epoch_with_loss_and_mean_iou(trained: Any) -> None:
    _, _, reports = trained
    tasks = list(dict.fromkeys(report.task for report in reports))
    assert tasks == [f"training small, epoch {epoch}/3" for epoch in (1, 2, 3)]
    assert {"loss", "mean_iou", "val_mean_iou"} <= set(reports[-1].values)


def test_the_same_seed_trains_the_same_network(train: Callable[..., tuple[Any, Path]]) -> None:
    histories = [json.loads((train(epochs=1, seed=seed)[1] / executor.HISTORY_FILE).read_text()) for seed in (5, 5, 6)]
    assert histories[0] == histories[1] != histories[2]


def test_a_loss_that_is_no_number_stops_with_advice(train: Callable[..., tuple[Any, Path]]) -> None:
    with pytest.raises(TrainingError, match=r"the loss is (nan|inf) at step \d+ of epoch \d+: try a lower learning"):
        train(epochs=50, optimizer="sgd", learning_rate=1e12, schedule="constant")


def _rates(config: TrainingConfig, steps: list[int]) -> list[float]:
    schedule = make_optimizer(config, steps_per_epoch=10)._learning_rate
    return [float(schedule(step)) for step in steps]


def test_learning_rates_follow_the_schedule() -> None:
    cosine = TrainingConfig(epochs=4, learning_rate=0.1, warmup_epochs=1)
    assert _rates(cosine, [0, 5, 10, 25, 40]) == pytest.approx([0, 0.05, 0.1, 0.05, 0], abs=1e-6)
    without = TrainingConfig(epochs=4, learning_rate=0.1)
    assert _rates(without, [0, 20, 40]) == pytest.approx([0.1, 0.05, 0], abs=1e-6)
    constant = TrainingConfig(epochs=4, learning_rate=0.1, schedule="constant", warmup_epochs=2)
    assert _rates(constant, [0, 10, 20, 40]) == pytest.approx([0, 0.05, 0.1, 0.1], abs=1e-6)
