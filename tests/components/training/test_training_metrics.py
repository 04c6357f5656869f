"""The metrics during training, against the confusion matrix."""

from __future__ import annotations

import math

import hypothesis.strategies as st
import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings

from components.metrics import confusion
from components.training.losses import cross_entropy
from components.training.metrics import TrainingMetrics
from tfds_voc_seg.labels import VOID

NAMES = ("background", "cat", "dog", "person")
CLASSES = len(NAMES)


@st.composite
def batches(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    shape = (draw(st.integers(1, 3)), draw(st.integers(1, 6)), draw(st.integers(1, 6)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    classes = rng.integers(0, draw(st.integers(1, CLASSES)), shape).astype(np.uint8)
    classes[rng.random(shape) < draw(st.sampled_from([0.0, 0.3, 1.0]))] = VOID
    return classes, rng.normal(0, 3, (*shape, CLASSES)).astype(np.float32)


@settings(max_examples=40)
@given(
    first=batches(),
    second=batches(),
    dtype=st.sampled_from(["float32", "float16", "bfloat16"]),
    by_matrix_product=st.booleans(),
)
def test_metrics_over_batches_equal_those_of_one_confusion_matrix(
    first: tuple[np.ndarray, np.ndarray], second: tuple[np.ndarray, np.ndarray], dtype: str, by_matrix_product: bool
) -> None:
    metrics = TrainingMetrics(NAMES, by_matrix_product=by_matrix_product)
    counts = np.zeros((CLASSES, CLASSES), np.int64)
    for classes, scores in (first, second):
        cast = tf.cast(scores, dtype)
        metrics.update_state(classes, cast)
        predicted = tf.cast(cast, tf.float32).numpy().argmax(axis=-1)
        counts += confusion.confusion_matrix(classes, predicted.astype(np.uint8), CLASSES)
    result = {name: float(value) for name, value in metrics.result().items()}
    for name, expected in zip(NAMES, confusion.per_class_iou(counts), strict=True):
        assert result[f"iou_{name}"] == pytest.approx(expected, nan_ok=True)
    if counts.sum():
        assert result["mean_iou"] == pytest.approx(confusion.mean_iou(counts))
        assert result["accuracy"] == pytest.approx(confusion.pixel_accuracy(counts))
    else:
        assert result["mean_iou"] == result["accuracy"] == 0
    metrics.reset_state()
    assert float(metrics.result()["mean_iou"]) == 0


@pytest.mark.parametrize("by_matrix_product", [True, False])
def test_counts_are_exact_beyond_the_range_of_float32(by_matrix_product: bool) -> None:
    metrics = TrainingMetrics(NAMES[:2], by_matrix_product=by_matrix_product)
    (pixels,) = metrics.variables
    pixels.assign(np.array([[2.0**24, 0], [0, 0]]))
    metrics.update_state(np.array([[[0]]], np.uint8), np.array([[[[1.0, 0.0]]]]))
    assert pixels.numpy()[0, 0] == 2**24 + 1


def test_the_metrics_compile_with_xla() -> None:
    """Keras uses XLA automatically if there is a GPU, and computes the result in the step."""
    metrics, classes = TrainingMetrics(NAMES, by_matrix_product=True), np.array([[[0, 1, VOID]]], np.uint8)
    scores = np.eye(CLASSES, dtype=np.float32)[[[[0, 1, 2]]]]
    result = tf.function(metrics, jit_compile=True)(tf.constant(classes), tf.constant(scores))
    assert float(result["mean_iou"]) == 1
    assert math.isnan(float(result["iou_dog"]))


def test_the_history_has_one_key_per_metric() -> None:
    rng = np.random.default_rng(0)
    images, classes = rng.normal(0, 1, (6, 4, 4, 3)), rng.integers(0, 3, (6, 4, 4)).astype(np.uint8)
    network = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Conv2D(CLASSES, 1)])
    network.compile("sgd", cross_entropy, metrics=[TrainingMetrics(NAMES)])
    history = network.fit(images, classes, batch_size=4, epochs=2, verbose=0, validation_data=(images, classes)).history
    keys = ["loss", "mean_iou", "accuracy", *(f"iou_{name}" for name in NAMES)]
    assert sorted(history) == sorted([*keys, *(f"val_{key}" for key in keys)])
    evaluated = network.evaluate(images, classes, verbose=0, return_dict=True)
    counts = confusion.confusion_matrix(classes, network.predict(images, verbose=0).argmax(axis=-1), CLASSES)
    assert evaluated["mean_iou"] == pytest.approx(confusion.mean_iou(counts))
    for key in keys:
        assert evaluated[key] == pytest.approx(history[f"val_{key}"][-1], nan_ok=True)
    assert all(math.isnan(value) for value in history["val_iou_person"])  # no such pixel
