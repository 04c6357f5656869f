from __future__ import annotations

import hypothesis.strategies as st
import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings

from components.segmentation_evaluator import confusion
from components.segmentation_trainer.losses import cross_entropy
from components.segmentation_trainer.training_metrics import MeanIoU, PixelAccuracy
from tfds_voc_seg.labels import VOID

CLASSES = 4


@st.composite
def batches(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    shape = (draw(st.integers(1, 3)), draw(st.integers(1, 6)), draw(st.integers(1, 6)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    classes = rng.integers(0, CLASSES, shape).astype(np.uint8)
    classes[rng.random(shape) < draw(st.sampled_from([0.0, 0.3, 1.0]))] = VOID
    return classes, rng.normal(0, 3, (*shape, CLASSES)).astype(np.float32)


@settings(max_examples=40, deadline=None)
@given(batch=batches())
def test_cross_entropy_is_the_mean_over_valid_pixels(batch: tuple[np.ndarray, np.ndarray]) -> None:
    classes, scores = batch
    losses = [
        np.log(np.exp(score.astype(np.float64)).sum()) - float(score[label])
        for label, score in zip(classes.ravel(), scores.reshape(-1, CLASSES), strict=True)
        if label != VOID
    ]
    expected = np.mean(losses) if losses else 0.0
    assert float(cross_entropy(classes, scores)) == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_void_pixels_do_not_change_the_loss_whatever_is_predicted_there() -> None:
    classes = np.array([[[0, VOID]]], np.uint8)
    scores = np.zeros((1, 1, 2, CLASSES), np.float32)
    before = float(cross_entropy(classes, scores))
    scores[0, 0, 1] = [50, -50, 0, 7]
    assert float(cross_entropy(classes, scores)) == before


@settings(max_examples=30, deadline=None)
@given(first=batches(), second=batches())
def test_metrics_over_batches_are_those_of_one_confusion_matrix(
    first: tuple[np.ndarray, np.ndarray], second: tuple[np.ndarray, np.ndarray]
) -> None:
    mean_iou, accuracy = MeanIoU(CLASSES), PixelAccuracy(CLASSES)
    counts = np.zeros((CLASSES, CLASSES), np.int64)
    for classes, scores in (first, second):
        mean_iou.update_state(classes, scores)
        accuracy.update_state(classes, scores)
        counts += confusion.confusion_matrix(classes, scores.argmax(axis=-1).astype(np.uint8), CLASSES)
    if counts.sum():
        assert float(mean_iou.result()) == pytest.approx(confusion.mean_iou(counts), abs=1e-9)
        assert float(accuracy.result()) == pytest.approx(confusion.pixel_accuracy(counts), abs=1e-6)
    mean_iou.reset_state()
    assert float(mean_iou.result()) == 0.0


def test_the_metrics_compile_with_xla() -> None:
    """Keras turns XLA on by itself where there is a GPU."""
    metric, classes = MeanIoU(CLASSES), np.array([[[0, 1, VOID]]], np.uint8)
    scores = np.eye(CLASSES, dtype=np.float32)[[[[0, 1, 2]]]]
    tf.function(metric.update_state, jit_compile=True)(tf.constant(classes), tf.constant(scores))
    assert float(metric.result()) == 1.0


def test_the_loss_reaches_the_weights() -> None:
    """A network of one layer learns a mask it can tell by colour."""
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 2, (8, 8, 8)).astype(np.uint8)
    images = np.stack([classes * 2.0 - 1] * 3, axis=-1) + rng.normal(0, 0.1, (8, 8, 8, 3))
    network = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(2, 1)])
    network.compile(keras.optimizers.SGD(1.0), cross_entropy, metrics=[MeanIoU(2)])
    network.fit(images, classes, epochs=10, verbose=0)
    assert network.evaluate(images, classes, verbose=0, return_dict=True)["mean_iou"] > 0.99
