"""The public test of the contract: it accepts networks that keep the contract and says how others break it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import pytest

from components.networks import create_network
from components.networks.contract import check_network
from components.saved_model.export import export_saved_model

if TYPE_CHECKING:
    from pathlib import Path

OWN_NETWORK = '''
import keras
import numpy as np

@keras.saving.register_keras_serializable("tests")
class Forgetful(keras.layers.Layer):
    """Has state that is neither in a weight nor in its configuration."""
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.factor = np.random.default_rng().uniform(1, 2)
    def call(self, inputs):
        return inputs * self.factor

class Demanding(keras.layers.Layer):
    """Cannot be created from its configuration."""
    def __init__(self, factor, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor
    def call(self, inputs):
        return inputs * self.factor

def build(image_size, num_classes, flaw=None):
    layers, ops = keras.layers, keras.ops
    images = keras.Input((image_size, image_size, 3))
    outputs = images
    if flaw == "unit range":
        outputs = ops.clip(outputs, 0, 1)
    if flaw == "logarithm":
        outputs = ops.log(outputs)
    outputs = layers.Conv2D(8, 3, padding="same", activation="relu")(layers.Rescaling(1 / 255)(outputs))
    if flaw == "stopped":
        outputs = ops.stop_gradient(outputs)
    if flaw == "forgetful":
        outputs = Forgetful()(outputs)
    if flaw == "demanding":
        outputs = Demanding(2.0)(outputs)
    if flaw == "stride":
        outputs = layers.MaxPooling2D()(outputs)
    last = None if flaw == "half precision" else "float32"
    activation = flaw if flaw in ("softmax", "relu") else None
    return keras.Model(images, layers.Conv2D(num_classes, 1, activation=activation, dtype=last)(outputs))
'''


@pytest.fixture
def own_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "my_contract_networks.py").write_text(OWN_NETWORK)
    monkeypatch.syspath_prepend(tmp_path)
    return "my_contract_networks:build"


def test_a_users_network_that_keeps_the_contract_passes(own_network: str) -> None:
    policy = keras.config.dtype_policy()
    check_network(own_network, num_classes=3)
    assert keras.config.dtype_policy() == policy


@pytest.mark.parametrize(
    ("flaw", "sentence"),
    [
        ("softmax", "no score gets below zero: remove the last softmax"),
        ("relu", "no score gets below zero: remove the last softmax, sigmoid or ReLU"),
        ("half precision", r"the scores are bfloat16 under the dtype policy mixed_bfloat16: give the last layers"),
        ("stopped", r"no gradient reaches .*kernel.*: is a layer not differentiable"),
        ("forgetful", "saved as .keras and loaded returns other scores"),
        ("demanding", r"cannot be saved as .keras and loaded again \(.*register_keras_serializable"),
        ("logarithm", r"the scores of a black image \(RGB 0\) are not all finite"),
        ("unit range", "two images have different scores only if their RGB values are from 0 to 1"),
    ],
)
def test_the_message_says_how_a_network_breaks_the_contract(own_network: str, flaw: str, sentence: str) -> None:
    with pytest.raises(AssertionError, match=sentence):
        check_network(own_network, flaw=flaw)


def test_a_network_that_cannot_be_created_is_rejected_as_in_a_run(own_network: str) -> None:
    with pytest.raises(ValueError, match=r"returns scores of shape \(None, 22, 22, 4\), expected \(None, 45, 45, 4\)"):
        check_network(own_network, flaw="stride")
    with pytest.raises(ValueError, match="its options are flaw"):
        check_network(own_network, flow="stride")


def test_a_network_for_squares_alone_is_refused_for_other_shapes(own_network: str) -> None:
    with pytest.raises(ValueError, match=r"cannot be created: .* \(its image_size is \[height, width\], \[40"):
        create_network(own_network, image_size=(40, 57), num_classes=3)


def test_an_export_with_other_results_is_detected(own_network: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def export_negated_scores(network: keras.Model, *arguments: Any) -> None:
        export_saved_model(keras.Model(network.inputs, -network.outputs[0]), *arguments)

    monkeypatch.setattr("components.networks.contract.export_saved_model", export_negated_scores)
    with pytest.raises(AssertionError, match="of the pixels another class than the network"):
        check_network(own_network)
