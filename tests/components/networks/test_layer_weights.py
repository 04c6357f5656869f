"""Weights by layer name: own files, keras.applications', a port of SSD300."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest

from components.detector_trainer.ssd300 import ssd300
from components.detector_trainer.training import load_initial_weights
from components.networks import create_network
from components.networks.layer_weights import load_by_name, read_layer_weights, write_layer_weights
from components.networks.trained_backbone import load_backbone
from components.run_files import LAYER_WEIGHTS_FILE

OPTIONS = {"width": 0.05, "batch_normalization": True}


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


def test_what_was_written_comes_back(detector: keras.Model, folder: Path) -> None:
    other = ssd300(num_classes=4, image_size=64, **OPTIONS)
    report = load_by_name(other, read_layer_weights(folder / LAYER_WEIGHTS_FILE))
    assert (report.other_shape, report.missing, report.unused) == ({}, (), ())
    for ours, theirs in zip(other.get_weights(), detector.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("name", ["fcn8", "fcn4"])
def test_a_network_begins_with_the_detectors_vgg(detector: keras.Model, folder: Path, name: str) -> None:
    network = create_network(name, image_size=64, num_classes=3, fully_connected_channels=8, **OPTIONS)
    fc6 = network.get_layer("fc6").get_weights()
    report = load_backbone(network, folder)
    assert len(report.matched) == 26  # 13 convolutions and their normalisations
    for layer in report.matched:
        for ours, theirs in zip(
            network.get_layer(layer).get_weights(), detector.get_layer(layer).get_weights(), strict=True
        ):
            np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(fc6[0], network.get_layer("fc6").get_weights()[0])


def test_a_backbone_that_does_not_fit_is_refused(folder: Path, tmp_path: Path) -> None:
    wider = create_network("fcn8", image_size=64, num_classes=3, width=0.1, batch_normalization=True)
    with pytest.raises(ValueError, match=r"26 of 26 layers differ, block1_conv1 first .*the same backbone, width"):
        load_backbone(wider, folder)
    with pytest.raises(ValueError, match="lists no backbone blocks"):
        load_backbone(create_network("unet", image_size=64, num_classes=3, width=4, depth=1), folder)
    with pytest.raises(ValueError, match="holds no layers"):
        load_backbone(wider, tmp_path)


def test_weights_of_a_port_of_ssd300_are_found_by_caffes_names(tmp_path: Path) -> None:
    """The layout of the known ports: Keras 2, Caffe's names, layers without weights, 21 classes."""
    network = ssd300(num_classes=3, image_size=64, width=0.05)
    shapes = {layer.name: [weight.shape for weight in layer.weights] for layer in network.layers if layer.weights}
    shapes["fc7_mbox_conf"] = [(3, 3, 51, 126), (126,)]
    shapes["conv9_2"] = [(3, 3, 6, 13), (13,)]  # a small input has no such layer
    with h5py.File(tmp_path / "ssd300.h5", "w") as file:
        for name, weights in {**shapes, "input_mean_normalization": []}.items():
            parts = name.removeprefix("block").split("_conv")
            caffe = f"conv{parts[0]}_{parts[1]}" if name.startswith("block") else name
            group = file.create_group(caffe)
            names = [f"{caffe}/{kind}:0" for kind in ("kernel", "bias")[: len(weights)]]
            group.attrs["weight_names"] = [key.encode() for key in names]
            for key, shape in zip(names, weights, strict=True):
                group.create_dataset(key, data=np.full(shape, 0.25, np.float32))
    report = load_initial_weights(network, str(tmp_path / "ssd300.h5"))
    assert "block4_conv3" in report.matched
    assert "conv4_3_norm" in report.matched
    assert report.other_shape == {"fc7_mbox_conf": "3×3×51×18 and 18 here, 3×3×51×126 and 126 in the file"}
    assert (report.missing, report.unused) == ((), ("conv9_2",))
    assert (network.get_layer("block4_conv3").kernel.numpy() == 0.25).all()
    assert "not loaded, other shape: fc7_mbox_conf (3×3×51×18" in str(report)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> tuple[keras.Model, Path]:
    """A VGG-16, and its file as keras.applications publishes it."""
    vgg = keras.applications.VGG16(include_top=False, weights=None, input_shape=(64, 64, 3))
    file = tmp_path_factory.mktemp("published") / "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
    write_layer_weights(vgg, file)
    return vgg, file


@pytest.mark.parametrize("source", ["file", "imagenet"])
def test_keras_applications_weights_fit(
    published: tuple[keras.Model, Path], source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    vgg, file = published

    def downloaded(name: str, origin: str, **_: Any) -> str:
        assert name == file.name
        assert origin.endswith(f"/vgg16/{name}")
        return str(file)

    monkeypatch.setattr("keras.src.applications.vgg16.file_utils.get_file", downloaded)
    network = ssd300(num_classes=3, image_size=64)
    report = load_initial_weights(network, str(file) if source == "file" else source)
    assert len(report.matched) == 13
    assert report.unused == ()
    assert {"conv4_3_norm", "fc6", "conv6_1", "fc7_mbox_conf"} <= set(report.missing)
    for block, convolutions in enumerate((2, 2, 3, 3, 3), start=1):
        for layer in (f"block{block}_conv{number}" for number in range(1, convolutions + 1)):
            for ours, theirs in zip(
                network.get_layer(layer).get_weights(), vgg.get_layer(layer).get_weights(), strict=True
            ):
                np.testing.assert_array_equal(ours, theirs)


def test_imagenet_weights_that_cannot_be_downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(*_: Any, **__: Any) -> str:
        raise OSError("no route to host")

    monkeypatch.setattr("keras.src.applications.vgg16.file_utils.get_file", no_network)
    with pytest.raises(ValueError, match=r"can't be downloaded \(no route to host\): .* detector\.weights=PATH"):
        load_initial_weights(ssd300(num_classes=3, image_size=64, width=0.05), "imagenet")


def test_unusable_files_are_named(detector: keras.Model, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"nowhere\.h5 is not there"):
        load_initial_weights(detector, str(tmp_path / "nowhere.h5"))
    (tmp_path / "text.h5").write_text("no HDF5")
    with pytest.raises(ValueError, match="cannot be read as HDF5"):
        load_initial_weights(detector, str(tmp_path / "text.h5"))
    detector.save_weights(tmp_path / "keras3.weights.h5")
    with pytest.raises(ValueError, match="no weights by layer name: save them in the layout of Keras 2"):
        load_initial_weights(detector, str(tmp_path / "keras3.weights.h5"))
    other = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="other")])
    write_layer_weights(other, tmp_path / "other.h5")
    with pytest.raises(ValueError, match=r"no layer of the weights .* fits the detector"):
        load_initial_weights(detector, str(tmp_path / "other.h5"))
