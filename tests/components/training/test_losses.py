"""The losses against their definitions, with void, on several replicas, and compiled."""

from __future__ import annotations

import functools
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import hypothesis.strategies as st
import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings

from components.training.loss_config import LOSSES
from components.training.losses import Loss, cross_entropy, dice, focal, make_loss
from components.training.lovasz import lovasz_softmax
from components.training.metrics import TrainingMetrics
from tests.components.training.training_process import mirrored_strategy
from tfds_voc_seg.labels import VOID

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Sequence

CLASSES = 4
CLASS_WEIGHTS = (0.5, 1.0, 2.0, 7.0)

Batch = tuple[np.ndarray, np.ndarray]


@st.composite
def batches(draw: st.DrawFn) -> Batch:
    shape = (draw(st.integers(1, 3)), draw(st.integers(1, 6)), draw(st.integers(1, 6)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    classes = rng.integers(0, draw(st.integers(1, CLASSES)), shape).astype(np.uint8)
    classes[rng.random(shape) < draw(st.sampled_from([0.0, 0.3, 1.0]))] = VOID
    return classes, rng.normal(0, 3, (*shape, CLASSES)).astype(np.float32)


def valid_pixels(batch: Batch) -> tuple[np.ndarray, np.ndarray]:
    """True classes [n] and probabilities float64 [n, CLASSES]."""
    classes, scores = batch
    exponentials = np.exp(scores.astype(np.float64))
    probabilities = exponentials / exponentials.sum(axis=-1, keepdims=True)
    return classes[classes != VOID], probabilities[classes != VOID]


def expected_focal(batch: Batch, gamma: float, class_weights: Sequence[float]) -> float:
    labels, probabilities = valid_pixels(batch)
    total = weight = 0.0
    for label, pixel in zip(labels, probabilities, strict=True):
        total += class_weights[label] * (1 - pixel[label]) ** gamma * -np.log(pixel[label])
        weight += class_weights[label]
    return total / weight if weight else 0.0


def expected_dice(batch: Batch) -> float:
    labels, probabilities = valid_pixels(batch)
    losses = []
    for label in set(labels.tolist()):
        of_class = probabilities[:, label]
        overlap = 2 * of_class[labels == label].sum() / (of_class.sum() + (labels == label).sum())
        losses.append(1 - overlap)
    return float(np.mean(losses)) if losses else 0.0


def expected_lovasz(batch: Batch) -> float:
    labels, probabilities = valid_pixels(batch)
    losses = []
    for label in set(labels.tolist()):
        truth = labels == label
        errors = np.abs(truth - probabilities[:, label])
        wrong, loss, before = np.zeros(len(labels), bool), 0.0, 0.0
        for pixel in np.argsort(-errors):
            wrong[pixel] = True
            jaccard_loss = 1 - (truth & ~wrong).sum() / (truth | wrong).sum()
            loss += errors[pixel] * (jaccard_loss - before)
            before = jaccard_loss
        losses.append(loss)
    return float(np.mean(losses)) if losses else 0.0


@pytest.fixture(params=LOSSES)
def loss(request: pytest.FixtureRequest) -> Loss:
    """Each loss, as a training makes it."""
    return make_loss({request.param: 1.0}, class_weights=CLASS_WEIGHTS, focal_gamma=1.5)


@settings(max_examples=40)
@given(batch=batches())
def test_cross_entropy_is_the_mean_over_valid_pixels(batch: Batch) -> None:
    expected = expected_focal(batch, 0.0, [1.0] * CLASSES)
    assert float(cross_entropy(*batch)) == pytest.approx(expected, rel=1e-4, abs=1e-5)
    expected = expected_focal(batch, 0.0, CLASS_WEIGHTS)
    assert float(cross_entropy(*batch, CLASS_WEIGHTS)) == pytest.approx(expected, rel=1e-4, abs=1e-5)


@settings(max_examples=40)
@given(batch=batches(), smoothing=st.sampled_from([0.0, 0.1, 0.5, 0.9]))
def test_label_smoothing_spreads_a_share_of_the_label_and_ignores_void(batch: Batch, smoothing: float) -> None:
    labels, probabilities = valid_pixels(batch)
    targets = (1 - smoothing) * np.eye(CLASSES)[labels] + smoothing / CLASSES
    weights = np.take(CLASS_WEIGHTS, labels)
    losses = -(targets * np.log(probabilities)).sum(axis=-1)
    expected = (weights * losses).sum() / weights.sum() if len(labels) else 0.0
    loss = make_loss({"cross_entropy": 1.0}, class_weights=CLASS_WEIGHTS, label_smoothing=smoothing)
    assert float(loss(*batch)) == pytest.approx(expected, rel=1e-4, abs=1e-5)


@settings(max_examples=40)
@given(batch=batches(), gamma=st.sampled_from([0.0, 0.5, 1.0, 2.0, 5.0]))
def test_focal_loss(batch: Batch, gamma: float) -> None:
    expected = expected_focal(batch, gamma, CLASS_WEIGHTS)
    assert float(focal(*batch, CLASS_WEIGHTS, gamma)) == pytest.approx(expected, rel=1e-3, abs=1e-5)
    made = make_loss({"focal": 1.0}, class_weights=CLASS_WEIGHTS, focal_gamma=gamma)
    assert float(made(*batch)) == pytest.approx(expected, rel=1e-3, abs=1e-5)


def test_defaults_are_no_weights_no_smoothing_and_gamma_2() -> None:
    batch = np.array([[[0, 1, 2, VOID]]], np.uint8), np.linspace(-2, 3, 16, dtype=np.float32).reshape(1, 1, 4, 4)
    plain, of_gamma_2 = expected_focal(batch, 0.0, [1.0] * CLASSES), expected_focal(batch, 2.0, [1.0] * CLASSES)
    made = make_loss({"cross_entropy": 2.0, "focal": 3.0}, class_weights=None)
    assert float(focal(*batch)) == pytest.approx(of_gamma_2, rel=1e-5)
    assert float(made(*batch)) == pytest.approx(2 * plain + 3 * of_gamma_2, rel=1e-5)


@settings(max_examples=40)
@given(batch=batches())
def test_dice_loss_is_the_mean_over_the_classes_that_occur(batch: Batch) -> None:
    assert float(dice(*batch)) == pytest.approx(expected_dice(batch), abs=1e-5)


@settings(max_examples=40)
@given(batch=batches())
def test_lovasz_softmax_is_the_lovasz_extension_of_the_jaccard_loss(batch: Batch) -> None:
    assert float(lovasz_softmax(*batch)) == pytest.approx(expected_lovasz(batch), abs=1e-5)


def test_lovasz_softmax_of_confident_scores_is_one_minus_the_mean_iou() -> None:
    classes = np.array([[[0, 0, 0, 1, 1, VOID]]], np.uint8)
    scores = 1e3 * np.eye(CLASSES, dtype=np.float32)[np.array([[[0, 0, 1, 1, 1, 3]]])]
    assert float(lovasz_softmax(classes, scores)) == pytest.approx(1 - (2 / 3 + 2 / 3) / 2)


@settings(max_examples=20)
@given(batch=batches(), weights=st.tuples(st.floats(0.1, 5), st.floats(0.1, 5)))
def test_several_losses_are_added_up_with_their_weights(batch: Batch, weights: tuple[float, float]) -> None:
    loss = make_loss({"dice": weights[0], "focal": weights[1]}, class_weights=None, focal_gamma=3.0)
    expected = weights[0] * dice(*batch) + weights[1] * focal(*batch, gamma=3.0)
    assert float(loss(*batch)) == pytest.approx(float(expected), rel=1e-5)


def test_each_of_several_replicas_returns_its_share_of_the_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keras adds up the gradients of the replicas."""
    batch = np.array([[[0, 1]]], np.uint8), np.linspace(-2, 3, 8, dtype=np.float32).reshape(1, 1, 2, 4)
    loss = make_loss({"dice": 1.0}, class_weights=None)
    alone = float(loss(*batch))
    monkeypatch.setattr(tf.distribute, "get_strategy", lambda: SimpleNamespace(num_replicas_in_sync=4))
    assert float(loss(*batch)) == pytest.approx(alone / 4)


def value_and_gradient(loss: Loss, classes: Any, scores: Any) -> tuple[Any, Any]:
    with tf.GradientTape() as tape:
        scores = tf.convert_to_tensor(scores)
        tape.watch(scores)
        value = loss(classes, scores)
    return value, tape.gradient(value, scores)


def test_void_pixels_change_neither_loss_nor_gradient(loss: Loss) -> None:
    rng = np.random.default_rng(0)
    classes = rng.integers(0, CLASSES, (2, 5, 5)).astype(np.uint8)
    classes[rng.random(classes.shape) < 0.5] = VOID
    scores = rng.normal(0, 3, (2, 5, 5, CLASSES)).astype(np.float32)
    value, gradient = value_and_gradient(loss, classes, scores)
    assert not gradient.numpy()[classes == VOID].any()
    assert gradient.numpy()[classes != VOID].all()
    scores[classes == VOID] = [50, -50, 0, 7]
    np.testing.assert_allclose(value_and_gradient(loss, classes, scores)[0], value, rtol=1e-6)
    np.testing.assert_allclose(value_and_gradient(loss, classes, scores)[1], gradient, atol=1e-7)


def test_loss_and_gradient_of_a_void_batch_are_zero(loss: Loss) -> None:
    value, gradient = value_and_gradient(loss, np.full((1, 2, 2), VOID, np.uint8), np.ones((1, 2, 2, CLASSES)))
    assert float(value) == 0
    assert not gradient.numpy().any()


@pytest.mark.parametrize(("dtype", "size"), [("float32", 1e4), ("float16", 1e4), ("float16", 1.0), ("bfloat16", 1e4)])
def test_loss_and_gradient_stay_finite(loss: Loss, dtype: str, size: float) -> None:
    scores = tf.cast(size * np.random.default_rng(0).choice([-1, 0, 1], (2, 4, 4, CLASSES)), dtype)
    value, gradient = value_and_gradient(loss, np.full((2, 4, 4), 1, np.uint8), scores)
    assert value.dtype == tf.float32
    assert np.isfinite(float(value))
    assert np.isfinite(tf.cast(gradient, tf.float32)).all()


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_the_focal_loss_of_a_confident_right_pixel_has_a_finite_gradient(gamma: float) -> None:
    scores = np.array([[[[100, 0, 0, 0]]]], np.float32)
    value, gradient = value_and_gradient(functools.partial(focal, gamma=gamma), np.zeros((1, 1, 1)), scores)
    assert float(value) == pytest.approx(0, abs=1e-6)
    np.testing.assert_allclose(gradient, 0, atol=1e-6)


@pytest.mark.parametrize("xla", [False, True], ids=["graph", "xla"])
def test_a_compiled_loss_accepts_any_batch_size(loss: Loss, xla: bool) -> None:
    signature = [tf.TensorSpec([None, 3, 5], tf.uint8), tf.TensorSpec([None, 3, 5, CLASSES], tf.float32)]
    compiled = tf.function(
        lambda classes, scores: value_and_gradient(loss, classes, scores), input_signature=signature, jit_compile=xla
    )
    rng = np.random.default_rng(0)
    for size in (1, 3):
        classes = rng.choice(np.array([0, 1, 3, VOID], np.uint8), (size, 3, 5))
        scores = rng.normal(0, 3, (size, 3, 5, CLASSES)).astype(np.float32)
        for actual, expected in zip(compiled(classes, scores), value_and_gradient(loss, classes, scores), strict=True):
            np.testing.assert_allclose(actual, expected, atol=1e-6)


def trained_on_replicas(replicas: int, losses: dict[str, float]) -> tuple[list[np.ndarray], dict[str, list[float]]]:
    """Trains a layer on one or two virtual CPU devices; returns weights and history."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    classes = rng.integers(0, CLASSES, (12, 5, 5)).astype(np.uint8)
    for image, void in enumerate([0, 0, 1, 0.9, 0.2, 0, 1, 1, 0.9, 0.5, 0, 0]):  # the two halves of a batch of 4 differ
        classes[image, rng.random((5, 5)) < void] = VOID
    images = rng.normal(0, 1, (12, 5, 5, 3)).astype(np.float32)
    strategy = mirrored_strategy(2) if replicas > 1 else tf.distribute.get_strategy()
    with strategy.scope():
        network = keras.Sequential([keras.Input((5, 5, 3)), keras.layers.Conv2D(CLASSES, 1)])
        network.compile(
            keras.optimizers.SGD(0.5),
            make_loss(losses, class_weights=CLASS_WEIGHTS, focal_gamma=2.0),
            metrics=[TrainingMetrics(["background", "cat", "dog", "person"])],
        )
    history = network.fit(images, classes, batch_size=4, epochs=4, shuffle=False, verbose=0).history
    return network.get_weights(), history


@pytest.mark.parametrize(
    "losses", [*(pytest.param({name: 1.0}, marks=pytest.mark.slow) for name in LOSSES), dict.fromkeys(LOSSES, 2.0)]
)
def test_two_replicas_train_like_one(losses: dict[str, float], two_devices: concurrent.futures.Executor) -> None:
    """12 steps; the images of each batch of 4 are split between the devices."""
    runs = [two_devices.submit(trained_on_replicas, replicas, losses).result() for replicas in (1, 2)]
    (weights, history), (weights_of_two, history_of_two) = runs
    for one, two in zip(weights, weights_of_two, strict=True):
        np.testing.assert_allclose(one, two, atol=1e-5)
    assert history.keys() == history_of_two.keys()
    assert "iou_person" in history
    for name, values in history.items():
        np.testing.assert_allclose(values, history_of_two[name], atol=1e-5, err_msg=name)


def test_gradient_descent_learns_the_classes_from_colours(loss: Loss) -> None:
    rng = np.random.default_rng(0)
    classes = rng.integers(0, CLASSES, (2, 8, 8)).astype(np.uint8)
    colours = np.eye(CLASSES, dtype=np.float32)[classes] + rng.normal(0, 0.1, (2, 8, 8, CLASSES)).astype(np.float32)
    weights = tf.Variable(tf.zeros([CLASSES, CLASSES]))
    for _ in range(20):
        with tf.GradientTape() as tape:
            value = loss(classes, tf.tensordot(colours, weights, 1))
        weights.assign_sub(5.0 * tape.gradient(value, weights))
    assert np.mean(np.argmax(tf.tensordot(colours, weights, 1), axis=-1) == classes) > 0.99
