"""A test of the contract of networks, for the networks of this package and for your own.

    from components.networks.contract import check_network

    def test_my_network():
        check_network("my_package.my_module:build", width=8)

It takes seconds with a small network, and needs no test framework.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

from components.networks import create_network
from components.networks.precision import dtype_policy
from components.saved_model.description import ModelDescription
from components.saved_model.export import export_saved_model
from components.saved_model.signatures import SEGMENT_IMAGES_SIGNATURE

if TYPE_CHECKING:
    from numpy.typing import NDArray

ODD_SIZE = 45
SMALLEST_SIZE = 32


def check_network(name: str, *, num_classes: int = 4, **options: Any) -> None:
    """Checks that a network keeps the contract in the docstring of `components.networks`.

    With images of an odd size it checks the shape of the scores, that the scores are linear and depend on RGB values
    from 0 to 255, that gradients reach every trainable weight, that the network returns the same scores after it is
    saved as `.keras` and loaded, and that the exported SavedModel segments images. With images of 32 pixels and mixed
    precision it checks that the scores are still float32.

    Args:
        name: a name in `names.NETWORKS`, or the `module:function` of your own network.
        num_classes: the number of output channels.
        **options: the network's own options; choose small values.

    Raises:
        ValueError: the network cannot be created, see `create_network`.
        AssertionError: the network breaks the contract; the message says how.
    """
    arguments = {"num_classes": num_classes, **options}
    with dtype_policy("float32"):
        network = create_network(name, image_size=ODD_SIZE, **arguments)
        _replace_zeros(network)
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
    with dtype_policy("mixed_bfloat16"):
        _check_scores(create_network(name, image_size=SMALLEST_SIZE, **arguments), SMALLEST_SIZE, num_classes)


def _replace_zeros(network: keras.Model) -> None:
    """Sets weights that start at zero, such as an FCN's score layers, to small random values; zeros hide errors."""
    random = np.random.default_rng(0)
    for weight in network.trainable_variables:
        if not np.any(weight):
            weight.assign(random.normal(0, 0.05, weight.shape))


def _check_scores(network: keras.Model, size: int, num_classes: int) -> None:
    scores = _scores(network, _photos(size))
    _require(scores.shape == (2, size, size, num_classes), f"the scores of two images have shape {scores.shape}")
    policy = keras.config.dtype_policy().name
    _require(
        scores.dtype == np.float32,
        f"the scores are {scores.dtype} under the dtype policy {policy}: give the last layers dtype='float32'",
    )


def _check_linear(network: keras.Model) -> None:
    """Minimises the mean score by gradient descent: only linear scores become negative."""
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
    _require(negative, "no score gets below zero: remove the last softmax, sigmoid or ReLU, because scores are linear")


def _check_input(network: keras.Model) -> None:
    photos = _photos(ODD_SIZE)
    for level, colour in ((0, "black"), (255, "white")):
        finite = np.isfinite(_scores(network, np.full_like(photos, level))).all()
        _require(finite, f"the scores of a {colour} image (RGB {level}) are not all finite: is it preprocessed inside?")
    differ, dark_differ = (not np.array_equal(*_scores(network, images)) for images in (photos, photos / 255))
    _require(
        differ or not dark_differ,
        "two images have different scores only if their RGB values are from 0 to 1: the input is RGB from 0 to 255",
    )


def _check_gradients(network: keras.Model, num_classes: int) -> None:
    labels = np.random.default_rng(1).integers(0, num_classes, (2, ODD_SIZE, ODD_SIZE))
    with tf.GradientTape() as tape:
        scores = network(tf.constant(_photos(ODD_SIZE)), training=True)
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, scores))
    weights = network.trainable_variables
    gradients = tape.gradient(loss, [weight.value for weight in weights])
    missed = [weight.path for weight, gradient in zip(weights, gradients, strict=True) if gradient is None]
    _require(not missed, f"no gradient reaches {', '.join(missed)}: is a layer not differentiable?")
    values = [np.asarray(gradient) for gradient in gradients]
    _require(all(np.isfinite(value).all() for value in values), "some gradients are not finite")
    _require(any(value.any() for value in values), "all gradients are zero, or no weight is trainable")


def _check_saving(network: keras.Model, file: Path) -> None:
    try:
        network.save(file)
        loaded = keras.saving.load_model(file)
    except Exception as error:
        raise AssertionError(
            f"the network cannot be saved as .keras and loaded again ({_first_line(error)}): register your own layers "
            "with keras.saving.register_keras_serializable and give them a get_config"
        ) from error
    photos = _photos(ODD_SIZE)
    _require(
        _same(_scores(loaded, photos), _scores(network, photos)),
        "the network saved as .keras and loaded returns other scores: is all its state in weights and get_config?",
    )


def _check_export(network: keras.Model, description: ModelDescription, folder: Path) -> None:
    try:
        export_saved_model(network, description, folder)
        segment_images = tf.saved_model.load(str(folder)).signatures[SEGMENT_IMAGES_SIGNATURE]
    except Exception as error:
        raise AssertionError(f"the network cannot be exported as a SavedModel ({_first_line(error)})") from error
    photos = _photos(ODD_SIZE).astype(np.uint8)
    class_maps = segment_images(images=tf.constant(photos))["class_map"].numpy()
    expected = _scores(network, photos.astype(np.float32)).argmax(axis=-1)
    agreeing = np.mean(class_maps == expected)  # two scores can be almost equal
    _require(
        agreeing > 0.99,
        f"the exported SavedModel assigns {1 - agreeing:.0%} of the pixels another class than the network",
    )
    class_map = segment_images(images=tf.constant(photos[:1, :20, :33]))["class_map"]
    _require(
        class_map.shape == (1, 20, 33), f"the SavedModel returns shape {class_map.shape} for one image of 20×33 pixels"
    )


def _photos(size: int) -> NDArray[np.float32]:
    """Draws two images of RGB noise; no value is from 0 to 1, so that a network that expects this range fails."""
    return np.random.default_rng(0).integers(2, 256, (2, size, size, 3)).astype(np.float32)


def _scores(network: keras.Model, photos: Any) -> NDArray[Any]:
    scores: NDArray[Any] = keras.ops.convert_to_numpy(network(photos, training=False))
    return scores


def _same(scores: NDArray[Any], expected: NDArray[Any]) -> bool:
    return np.allclose(scores, expected, atol=1e-5 * max(1.0, float(np.abs(expected).max())))


def _require(condition: Any, sentence: str) -> None:
    if not condition:
        raise AssertionError(sentence)


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}"
