"""The background learned as the classes it consists of: records, scores, metrics, and the exported model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis.strategies as st
import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from tfx import types
from tfx.types import standard_artifacts
from tfx.utils import path_utils

from components.artifacts.records import read_records
from components.run_files import HISTORY_JSON
from components.saved_model.description import read_description
from components.segmentation_trainer import executor
from components.segmentation_trainer.component import SegmentationTrainer
from components.training.background_classes import (
    add_background_classes,
    image_and_learned_class_map,
    learned_class_names,
    learned_class_pixels,
    merge_background,
    with_background_merged,
)
from components.training.config import TrainingConfig
from components.training.metrics import TrainingMetrics
from components.voc_example_gen import executor as conversion_executor
from components.voc_example_gen.component import VocExampleGen
from tests.components.networks.tiny_network import TINY
from tests.conftest import IMAGE_SIZE
from tfds_voc_seg.class_maps import resize_class_map
from tfds_voc_seg.devkit.pairs import read_mask
from tfds_voc_seg.devkit.splits import read_splits
from tfds_voc_seg.labels import VOC_CLASSES, VOID
from tfds_voc_seg.record_config import RecordConfig

if TYPE_CHECKING:
    from collections.abc import Callable

WANTED = ("background", "person")
LEARNED = add_background_classes(WANTED)


@pytest.fixture(scope="module")
def background_examples(
    devkit: Path, tmp_path_factory: pytest.TempPathFactory, make_artifact: Callable[..., Any]
) -> Any:
    """Records of persons that store the classes of their background."""
    component = VocExampleGen(str(devkit), RecordConfig(IMAGE_SIZE, WANTED[1:], background_classes=True))
    artifact = make_artifact("Examples", tmp_path_factory.mktemp("background_examples"))
    conversion_executor.Executor().Do({}, {"examples": [artifact]}, component.exec_properties)
    return artifact


def _train(examples: Any, folder: Path, make_artifact: Callable[..., Any], **settings: Any) -> tuple[Path, Path]:
    outputs = {"model": [make_artifact("Model", folder / "model")], "model_run": [make_artifact("ModelRun", folder)]}
    training = TrainingConfig(batch_size=4, learn_background_classes=True, learning_rate=0.01, **settings)
    channel = types.Channel(type=standard_artifacts.Examples)
    component = SegmentationTrainer(channel, "small", TINY, {}, training)
    executor.Executor().Do({"examples": [examples]}, outputs, component.exec_properties)
    return Path(path_utils.serving_model_dir(outputs["model"][0].uri)), folder


def test_the_learned_classes_are_the_wanted_ones_and_then_vocs_others() -> None:
    assert LEARNED[:4] == ("background", "person", "aeroplane", "bicycle")
    assert sorted(LEARNED) == sorted(VOC_CLASSES)
    assert add_background_classes(VOC_CLASSES) == VOC_CLASSES


def test_the_class_map_of_a_record_contains_the_classes_of_the_background(
    background_examples: Any, devkit: Path
) -> None:
    masks = {pair.image_id: read_mask(pair) for pair in read_splits(devkit)["val"].pairs}
    found: set[int] = set()
    for record in tf.data.TFRecordDataset(read_records(background_examples).files["val"]):
        name = tf.train.Example.FromString(record.numpy()).features.feature["filename"].bytes_list.value[0].decode()
        _, classes = image_and_learned_class_map(record, IMAGE_SIZE, WANTED)
        mask = resize_class_map(masks[name], IMAGE_SIZE)
        expected = np.array(
            [[VOID if value == VOID else LEARNED.index(VOC_CLASSES[value]) for value in row] for row in mask]
        )
        np.testing.assert_array_equal(classes, expected)
        found |= set(np.unique(expected))
    assert len(found) > len({0, 1, VOID})  # the masks contain other classes than the wanted one


@settings(max_examples=50, deadline=None)
@given(
    classes=st.integers(2, 21),
    extra=st.integers(0, 5),
    size=st.sampled_from([1.0, 30.0, 1e4]),
    seed=st.integers(0, 2**32 - 1),
)
def test_probabilities_of_the_other_classes_are_added_to_the_background(
    classes: int, extra: int, size: float, seed: int
) -> None:
    scores = np.random.default_rng(seed).normal(0, size, (3, classes + extra)).astype(np.float32)
    merged = merge_background(tf.constant(scores), classes)
    assert np.isfinite(merged).all()
    probabilities = tf.nn.softmax(scores).numpy()
    expected = probabilities[:, :classes].copy()
    expected[:, 0] += probabilities[:, classes:].sum(axis=1)
    np.testing.assert_allclose(tf.nn.softmax(merged), expected, atol=1e-5)


def test_several_weak_background_classes_outweigh_a_wanted_class() -> None:
    scores = np.log(np.array([[0.1, 0.4, 0.25, 0.25]], np.float32))
    assert scores.argmax() == 1
    assert np.argmax(merge_background(tf.constant(scores), 2)) == 0


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_metrics_count_the_other_classes_as_background(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.choice([0, 1, 2, 3, VOID], (2, 5, 5)).astype(np.uint8)
    scores = rng.normal(0, 2, (2, 5, 5, 4)).astype(np.float32)
    learned, merged = TrainingMetrics(WANTED), TrainingMetrics(WANTED)
    learned.update_state(truth, tf.constant(scores))
    merged_truth = np.where((truth == VOID) | (truth == 1), truth, 0)
    probabilities = tf.nn.softmax(scores).numpy()
    person = probabilities[..., 1] > probabilities[..., [0, 2, 3]].sum(axis=-1)
    merged.update_state(merged_truth, np.stack([~person, person], axis=-1).astype(np.float32))
    for name, value in merged.result().items():
        assert float(learned.result()[name]) == pytest.approx(float(value), nan_ok=True)


def test_a_network_with_merged_background_shares_the_weights() -> None:
    images = keras.Input((8, 8, 3))
    network = keras.Model(images, keras.layers.Conv2D(5, 1)(images))
    merged = with_background_merged(network, 2)
    photos = np.random.default_rng(0).uniform(0, 1, (2, 8, 8, 3)).astype(np.float32)
    np.testing.assert_allclose(merged(photos), merge_background(network(photos), 2), atol=1e-6)
    assert merged.count_params() == network.count_params()


@pytest.mark.parametrize("flip_averaging", [False, True])
def test_the_exported_model_has_the_wanted_classes(
    background_examples: Any, tmp_path: Path, make_artifact: Callable[..., Any], flip_averaging: bool
) -> None:
    model, run = _train(background_examples, tmp_path, make_artifact, epochs=2, flip_averaging=flip_averaging)
    assert read_description(str(model)).class_names == WANTED
    signatures = tf.saved_model.load(str(model)).signatures
    metrics = TrainingMetrics(WANTED)
    for record in tf.data.TFRecordDataset(read_records(background_examples).files["val"]):
        image, _ = image_and_learned_class_map(record, IMAGE_SIZE, WANTED)
        scores = signatures["score_images"](images=image[tf.newaxis])["scores"]
        assert scores.shape == (1, IMAGE_SIZE, IMAGE_SIZE, 2)
        answer = signatures["segment_examples"](examples=record[tf.newaxis])
        np.testing.assert_array_equal(answer["class_map"], tf.argmax(scores, axis=-1))
        assert set(np.unique(answer["label"])) <= {0, 1, VOID}
        metrics.update_state(answer["label"], scores)
    if not flip_averaging:  # the metrics in the history are those of the exported model
        history = json.loads((run / HISTORY_JSON).read_text())
        assert set(history) >= {"val_iou_background", "val_iou_person"}
        assert "val_iou_cat" not in history
        assert float(metrics.result()["mean_iou"]) == pytest.approx(max(history["val_mean_iou"]), abs=1e-6)


def test_records_without_background_classes_are_rejected(
    examples: Any, tmp_path: Path, make_artifact: Callable[..., Any]
) -> None:
    with pytest.raises(ValueError, match=r"learn_background_classes: the records do not store .* background_classes"):
        _train(examples, tmp_path, make_artifact, epochs=1)


def test_median_frequency_counts_the_learned_classes(background_examples: Any, devkit: Path) -> None:
    records, config = read_records(background_examples), TrainingConfig(learn_background_classes=True)
    masks = [resize_class_map(read_mask(pair), IMAGE_SIZE) for pair in read_splits(devkit)["train"].pairs]
    pixels = np.bincount(np.concatenate([mask.ravel() for mask in masks]), minlength=VOID + 1)
    assert learned_class_pixels(records, config) == [pixels[VOC_CLASSES.index(name)] for name in LEARNED]
    plain = learned_class_pixels(records, TrainingConfig())
    person = int(pixels[VOC_CLASSES.index("person")])
    assert list(plain) == [int(pixels[: len(VOC_CLASSES)].sum()) - person, person]
    assert learned_class_names(records, TrainingConfig()) == WANTED
