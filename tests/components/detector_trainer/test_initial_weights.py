"""The initial weights of a detector: from keras.applications, from its files, from a port of SSD300."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import h5py
import keras
import numpy as np
import pytest

from components.detector_trainer.ssd300 import ssd300
from components.detector_trainer.training import load_initial_weights
from components.networks.layer_weights import write_layer_weights

if TYPE_CHECKING:
    from pathlib import Path


def test_weights_of_a_port_of_ssd300_are_found_by_their_caffe_names(tmp_path: Path) -> None:
    """The known ports have the layout of Keras 2, Caffe's names, some layers without weights, and 21 classes."""
    network = ssd300(num_classes=3, image_size=64, width=0.05)
    shapes = {layer.name: [weight.shape for weight in layer.weights] for layer in network.layers if layer.weights}
    shapes["fc7_mbox_conf"] = [(3, 3, 51, 126), (126,)]
    shapes["conv9_2"] = [(3, 3, 6, 13), (13,)]  # the network for this small input has no such layer
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
    """A VGG-16, and a file of its weights in the form that keras.applications publishes."""
    vgg = keras.applications.VGG16(include_top=False, weights=None, input_shape=(64, 64, 3))
    file = tmp_path_factory.mktemp("published") / "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
    write_layer_weights(vgg, file)
    return vgg, file


@pytest.mark.parametrize("source", ["file", "imagenet"])
def test_weights_of_keras_applications_fit(
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
    with pytest.raises(ValueError, match=r"cannot be downloaded \(no route to host\): .* detector\.weights=PATH"):
        load_initial_weights(ssd300(num_classes=3, image_size=64, width=0.05), "imagenet")


def test_unusable_files_are_named(tmp_path: Path) -> None:
    detector = ssd300(num_classes=4, image_size=64, width=0.05, batch_normalization=True)
    with pytest.raises(ValueError, match=r"nowhere\.h5' does not exist"):
        load_initial_weights(detector, str(tmp_path / "nowhere.h5"))
    (tmp_path / "text.h5").write_text("no HDF5")
    with pytest.raises(ValueError, match="cannot be read as HDF5"):
        load_initial_weights(detector, str(tmp_path / "text.h5"))
    detector.save_weights(tmp_path / "keras3.weights.h5")
    with pytest.raises(ValueError, match="no weights by layer name: save them in the layout of Keras 2"):
        load_initial_weights(detector, str(tmp_path / "keras3.weights.h5"))
    other = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="other")])
    write_layer_weights(other, tmp_path / "other.h5")
    with pytest.raises(ValueError, match=r"no layer of the weights .* matches the detector"):
        load_initial_weights(detector, str(tmp_path / "other.h5"))
