"""A test of the contract of networks: for those here, and for one's own.

    from components.networks.contract import check_network

    def test_my_network():
        check_network("my_package.my_module:build", width=8)

It takes seconds on a small network, and needs no test framework.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from components.networks import create_network
from components.saved_model.description import ModelDescription
from components.saved_model.export import SEGMENT_IMAGES_SIGNATURE, export_saved_model

ODD_SIZE = 45
SMALLEST_SIZE = 32


def check_network(name: str, *, num_classes: int = 4, **options: Any) -> None:
    """Checks that a network keeps the contract in the docstring of `networks`.

    At an odd size: the shape of the scores, that they are linear and answer to raw RGB of 0 to 255, that gradients
    reach every trainable weight, that the network saved as `.keras` and loaded gives the same scores, and that the
    exported SavedModel segments images. At 32 pixels, under mixed precision: the scores are float32 all the same.

    Args:
        name: a name in `network_names.NETWORKS`, or a `module:function` of one's own.
        num_classes: the number of output channels.
        **options: the network's own; choose them small.

    Raises:
        ValueError: the network can't be made, see `networks.create_network`.
        AssertionError: it can be made but breaks the contract; the message says how.
    """
    arguments = {"num_classes": num_classes, **options}
    with _dtype_policy("float32"):
        network = create_network(name, image_size=ODD_SIZE, **arguments)
        _fill_zeros(network)
        _check_scores(network, ODD_SIZE, num_classes)
        _check_linear(network)
        _check_input(network)
        _check_gradients(network, num_classes)
        with tempfile.TemporaryDirectory() as folder:
            _check_saving(network, Path(folder) / "network.keras")
            description = ModelDescription(
                class_names=tuple(f"class {index}" for index in range(num_classes)),
                image_size=ODD_SIZE,
                network=name,
                options=options,
                training={},
                parameters=network.count_params(),
                train_seconds=0.0,
            )
            _check_export(network, description, Path(folder) / "saved_model")
    with _dtype_policy("mixed_bfloat16"):
        _check_scores(create_network(name, image_size=SMALLEST_SIZE, **arguments), SMALLEST_SIZE, num_classes)


def _fill_zeros(network: keras.Model) -> None:
    """Gives weights that are zero at the start, such as an FCN's scores, small random values: zeros hide mistakes."""
    random = np.random.default_rng(0)
    for weight in network.trainable_variables:
        if not np.any(weight):
            weight.assign(random.normal(0, 0.05, weight.shape))


def _check_scores(network: keras.Model, size: int, num_classes: int) -> None:
    scores = _scores(network, _photos(size))
    _require(scores.shape == (2, size, size, num_classes), f"the scores of two images have the shape {scores.shape}")
    policy = keras.config.dtype_policy().name
    _require(
        scores.dtype == np.float32,
        f"the scores are {scores.dtype} under the dtype policy {policy}: give the last layers dtype='float32'",
    )


def _check_linear(network: keras.Model) -> None:
    """Scores that are all positive are pushed down by gradient descent: only linear ones get below zero."""
    photos = tf.constant(_photos(ODD_SIZE))
    before = network.get_weights()
    for rate in (0.0, 0.01, 0.1, 1.0, 10.0):
        with tf.GradientTape() as tape:
            scores = network(photos, training=False)
            mean = tf.reduce_mean(scores)
        weights = [weight.value for weight in network.trainable_variables]
        for weight, gradient in zip(network.trainable_variables, tape.gradient(mean, weights), strict=True):
            if gradient is not None:
                weight.assign_sub(rate * gradient)
        negative = _scores(network, photos).min() < 0
        if negative:
            break
    network.set_weights(before)
    _require(negative, "no score gets below zero: leave out the last softmax, sigmoid or ReLU, scores are linear")


def _check_input(network: keras.Model) -> None:
    photos = _photos(ODD_SIZE)
    for level, colour in ((0, "black"), (255, "white")):
        finite = np.isfinite(_scores(network, np.full_like(photos, level))).all()
        _require(finite, f"the scores of a {colour} image (RGB {level}) are not all finite: is it preprocessed inside?")
    differ, dark_differ = (not np.array_equal(*_scores(network, images)) for images in (photos, photos / 255))
    _require(
        differ or not dark_differ,
        "two images have the same scores unless their RGB is within 0 to 1: the input is RGB of 0 to 255",
    )


def _check_gradients(network: keras.Model, num_classes: int) -> None:
    labels = np.random.default_rng(1).integers(0, num_classes, (2, ODD_SIZE, ODD_SIZE))
    with tf.GradientTape() as tape:
        scores = network(tf.constant(_photos(ODD_SIZE)), training=True)
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, scores))
    weights = network.trainable_variables
    gradients = tape.gradient(loss, [weight.value for weight in weights])
    missed = [weight.path for weight, gradient in zip(weights, gradients, strict=True) if gradient is None]
    _require(not missed, f"no gradient reaches {', '.join(missed)}: is there a layer that can't be differentiated?")
    values = [np.asarray(gradient) for gradient in gradients]
    _require(all(np.isfinite(value).all() for value in values), "gradients are not all finite")
    _require(any(value.any() for value in values), "every gradient is zero, or no weight is trainable")


def _check_saving(network: keras.Model, file: Path) -> None:
    try:
        network.save(file)
        loaded = keras.saving.load_model(file)
    except Exception as error:
        raise AssertionError(
            f"the network can't be saved as .keras and loaded again ({_first_line(error)}): have your own layers "
            "registered by keras.saving.register_keras_serializable, with a get_config"
        ) from error
    photos = _photos(ODD_SIZE)
    _require(
        _same(_scores(loaded, photos), _scores(network, photos)),
        "the network saved as .keras and loaded gives other scores: is all its state in weights and get_config?",
    )


def _check_export(network: keras.Model, description: ModelDescription, folder: Path) -> None:
    try:
        export_saved_model(network, description, folder)
        segment_images = tf.saved_model.load(str(folder)).signatures[SEGMENT_IMAGES_SIGNATURE]
    except Exception as error:
        raise AssertionError(f"the network can't be exported as a SavedModel ({_first_line(error)})") from error
    photos = _photos(ODD_SIZE).astype(np.uint8)
    class_maps = segment_images(images=tf.constant(photos))["class_map"].numpy()
    expected = _scores(network, photos.astype(np.float32)).argmax(axis=-1)
    agreeing = np.mean(class_maps == expected)  # two scores may be as good as equal
    _require(
        agreeing > 0.99,
        f"the exported SavedModel gives {1 - agreeing:.0%} of the pixels another class than the network does",
    )
    class_map = segment_images(images=tf.constant(photos[:1, :20, :33]))["class_map"]
    _require(class_map.shape == (1, 20, 33), f"the SavedModel gives {class_map.shape} for one image of 20×33 pixels")


def _photos(size: int) -> np.ndarray:
    """Two images of noise, RGB; no value is within 0 to 1, so that a network that wants that range shows."""
    return np.random.default_rng(0).integers(2, 256, (2, size, size, 3)).astype(np.float32)


def _scores(network: keras.Model, photos: Any) -> np.ndarray:
    return keras.ops.convert_to_numpy(network(photos, training=False))


def _same(scores: np.ndarray, expected: np.ndarray) -> bool:
    return np.allclose(scores, expected, atol=1e-5 * max(1.0, float(np.abs(expected).max())))


def _require(condition: Any, sentence: str) -> None:
    if not condition:
        raise AssertionError(sentence)


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}"


@contextlib.contextmanager
def _dtype_policy(name: str) -> Iterator[None]:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
