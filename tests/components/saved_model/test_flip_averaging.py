"""A network that averages over an image and its mirror image."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.networks import create_network
from components.networks.precision import dtype_policy
from components.saved_model.export import with_flip_averaging

OPTIONS: dict[str, Any] = {"width": 4, "depth": 1, "dropout": 0.0}


def _mirrored(batch: Any) -> Any:
    return batch[:, :, ::-1]


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_the_scores_are_the_logarithms_of_the_averaged_probabilities(policy: str) -> None:
    keras.utils.set_random_seed(0)
    with dtype_policy(policy):
        network = create_network("unet", image_size=40, num_classes=3, **OPTIONS)
    averaging = with_flip_averaging(network)
    photos = np.random.default_rng(0).uniform(0, 255, (2, 40, 40, 3)).astype(np.float32)
    straight, mirrored = tf.nn.softmax(network(photos)), _mirrored(tf.nn.softmax(network(_mirrored(photos))))
    assert np.abs(straight - mirrored).max() > 0.01
    scores = averaging(photos)
    assert scores.dtype == tf.float32
    np.testing.assert_allclose(np.exp(scores), (straight + mirrored) / 2, atol=1e-6)
    assert averaging.count_params() == network.count_params()


def test_large_scores_do_not_overflow() -> None:
    images = keras.Input((4, 4, 3))
    network = keras.Model(images, keras.layers.Rescaling([1e4, -1e4, 0.0])(images))
    scores = np.asarray(with_flip_averaging(network)(np.full((1, 4, 4, 3), 255, np.float32)))
    assert np.isfinite(scores).all()
    np.testing.assert_array_equal(scores.argmax(axis=-1), 0)
