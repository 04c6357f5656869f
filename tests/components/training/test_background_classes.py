"""The background learned as the classes it consists of: records, scores and metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

import hypothesis.strategies as st
import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings

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
from tests.conftest import IMAGE_SIZE
from tfds_voc_seg.class_maps import resize_class_map
from tfds_voc_seg.devkit.pairs import read_mask
from tfds_voc_seg.devkit.splits import read_splits
from tfds_voc_seg.label_set import VOC_LABELS
from tfds_voc_seg.labels import VOC_CLASSES, VOID

if TYPE_CHECKING:
    from pathlib import Path

    from tfds_voc_seg.records.files import Records

WANTED = ("background", "person")
LEARNED = add_background_classes(WANTED, VOC_LABELS)


def test_the_learned_classes_are_the_wanted_ones_and_then_vocs_others() -> None:
    assert LEARNED[:4] == ("background", "person", "aeroplane", "bicycle")
    assert sorted(LEARNED) == sorted(VOC_CLASSES)
    assert add_background_classes(VOC_CLASSES, VOC_LABELS) == VOC_CLASSES


def test_the_class_map_of_a_record_contains_the_classes_of_the_background(
    background_records: Records, devkit: Path
) -> None:
    masks = {pair.image_id: read_mask(pair, VOC_LABELS) for pair in read_splits(devkit)["val"].pairs}
    found: set[int] = set()
    for record in tf.data.TFRecordDataset(background_records.files["val"]):
        name = tf.train.Example.FromString(record.numpy()).features.feature["filename"].bytes_list.value[0].decode()
        _, classes = image_and_learned_class_map(record, IMAGE_SIZE, WANTED, VOC_LABELS)
        mask = resize_class_map(masks[name], IMAGE_SIZE)
        expected = np.array(
            [[VOID if value == VOID else LEARNED.index(VOC_CLASSES[value]) for value in row] for row in mask]
        )
        np.testing.assert_array_equal(classes, expected)
        found |= set(np.unique(expected))
    assert len(found) > len({0, 1, VOID})  # the masks contain other classes than the wanted one


@settings(max_examples=50)
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


@settings(max_examples=20)
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


def test_records_without_background_classes_are_rejected(records: Records) -> None:
    with pytest.raises(ValueError, match=r"learn_background_classes: the records do not store .* background_classes"):
        learned_class_names(records, TrainingConfig(learn_background_classes=True))


def test_median_frequency_counts_the_learned_classes(background_records: Records, devkit: Path) -> None:
    records, config = background_records, TrainingConfig(learn_background_classes=True)
    masks = [resize_class_map(read_mask(pair, VOC_LABELS), IMAGE_SIZE) for pair in read_splits(devkit)["train"].pairs]
    pixels = np.bincount(np.concatenate([mask.ravel() for mask in masks]), minlength=VOID + 1)
    assert learned_class_pixels(records, config) == [pixels[VOC_CLASSES.index(name)] for name in LEARNED]
    plain = learned_class_pixels(records, TrainingConfig())
    person = int(pixels[VOC_CLASSES.index("person")])
    assert list(plain) == [int(pixels[: len(VOC_CLASSES)].sum()) - person, person]
    assert learned_class_names(records, TrainingConfig()) == WANTED
