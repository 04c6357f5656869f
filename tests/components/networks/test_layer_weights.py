"""Weights that are matched by layer name, and a detector's backbone for another network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from components.detector_trainer.ssd300 import ssd300
from components.networks import create_network
from components.networks.layer_weights import load_by_name, read_layer_weights, write_layer_weights
from components.networks.pretrained import load_trained_backbone
from components.run_files import LAYER_WEIGHTS_FILE

if TYPE_CHECKING:
    from pathlib import Path

    import keras

OPTIONS: dict[str, Any] = {"width": 0.05, "batch_normalization": True}


@pytest.fixture(scope="module")
def detector() -> keras.Model:
    network = ssd300(num_classes=4, image_size=64, **OPTIONS)
    random = np.random.default_rng(0)
    network.set_weights([random.uniform(0.1, 1, weight.shape) for weight in network.get_weights()])
    return network


@pytest.fixture(scope="module")
def folder(detector: keras.Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("detector")
    write_layer_weights(detector, folder / LAYER_WEIGHTS_FILE)
    return folder


def test_written_weights_are_read_back(detector: keras.Model, folder: Path) -> None:
    other = ssd300(num_classes=4, image_size=64, **OPTIONS)
    report = load_by_name(other, read_layer_weights(folder / LAYER_WEIGHTS_FILE))
    assert (report.other_shape, report.missing, report.unused) == ({}, (), ())
    for ours, theirs in zip(other.get_weights(), detector.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("name", ["fcn8", "fcn4"])
def test_a_network_starts_with_the_vgg_of_a_detector(detector: keras.Model, folder: Path, name: str) -> None:
    network = create_network(name, image_size=64, num_classes=3, fully_connected_channels=8, **OPTIONS)
    fc6 = network.get_layer("fc6").get_weights()
    report = load_trained_backbone(network, folder)
    assert len(report.matched) == 26  # 13 convolutions and their normalisations
    for layer in report.matched:
        for ours, theirs in zip(
            network.get_layer(layer).get_weights(), detector.get_layer(layer).get_weights(), strict=True
        ):
            np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(fc6[0], network.get_layer("fc6").get_weights()[0])


def test_a_backbone_that_does_not_fit_is_rejected(folder: Path, tmp_path: Path) -> None:
    wider = create_network("fcn8", image_size=64, num_classes=3, width=0.1, batch_normalization=True)
    with pytest.raises(ValueError, match=r"26 of 26 layers differ, block1_conv1 first .*the same backbone, width"):
        load_trained_backbone(wider, folder)
    with pytest.raises(ValueError, match="lists no backbone blocks"):
        load_trained_backbone(create_network("unet", image_size=64, num_classes=3, width=4, depth=1), folder)
    with pytest.raises(ValueError, match="holds no layers"):
        load_trained_backbone(wider, tmp_path)
