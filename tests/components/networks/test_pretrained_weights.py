"""Pretrained weights of backbones: downloaded by keras.applications or from a file, loaded by layer name."""

from __future__ import annotations

import functools
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import pytest

from components.networks import backbone_blocks, create_network
from components.networks.pretrained import load_fully_connected
from tests.served_folder import served_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

QUARTER: dict[str, Any] = {"backbone": "mobilenet", "alpha": 0.25}
PHOTO = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3)).astype(np.float32)

applications = keras.applications
APPLICATIONS: dict[str, tuple[Callable[..., keras.Model], Callable[..., Any], dict[str, Any], str]] = {
    "vgg16": (applications.VGG16, applications.vgg16.preprocess_input, {}, "block5_pool"),
    "mobilenet": (
        applications.MobileNet,
        applications.mobilenet.preprocess_input,
        {"alpha": 0.25},
        "conv_pw_13_relu",
    ),
    "mobilenet_v2": (
        applications.MobileNetV2,
        applications.mobilenet_v2.preprocess_input,
        {"alpha": 0.35},
        "out_relu",
    ),
    "resnet50_v2": (applications.ResNet50V2, applications.resnet_v2.preprocess_input, {}, "post_relu"),
    "efficientnet_v2_b0": (
        applications.EfficientNetV2B0,
        applications.efficientnet_v2.preprocess_input,
        {},
        "top_activation",
    ),
}
make_fcn = functools.partial(create_network, "fcn32", image_size=64, num_classes=2)


def application_with_statistics(make: Callable[..., keras.Model], **options: Any) -> keras.Model:
    """An application with random weights and, as after a training, normalisation that is not the identity."""
    model = make(weights=None, **options)
    random = np.random.default_rng(1)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([random.uniform(0.5, 1.5, weight.shape) for weight in layer.get_weights()])
    return model


@pytest.fixture(scope="module")
def quarter(tmp_path_factory: pytest.TempPathFactory) -> tuple[keras.Model, Path]:
    """A MobileNet with a quarter of the channels, and a folder with its weights in every kind of file."""
    folder = tmp_path_factory.mktemp("weights")
    whole = application_with_statistics(keras.applications.MobileNet, alpha=0.25, classes=1000)
    headless = keras.applications.MobileNet(weights=None, include_top=False, alpha=0.25, input_shape=(224, 224, 3))
    for layer in headless.layers:
        layer.set_weights(whole.get_layer(layer.name).get_weights() if layer.weights else [])
    for model, name in ((whole, "whole"), (headless, "headless")):
        model.save_weights(folder / f"{name}.weights.h5")
        _save_legacy(model, folder / f"{name}.h5")
    return whole, folder


def _save_legacy(model: keras.Model, file: Path) -> None:
    """Writes the older layout, which the files of keras.applications have."""
    import h5py
    from keras.src.legacy.saving import legacy_h5_format

    with h5py.File(file, "w") as opened:
        legacy_h5_format.save_weights_to_hdf5_group(opened, model)


def assert_backbone_has(network: keras.Model, application: keras.Model) -> None:
    names = [name for block in backbone_blocks(network) for name in block]
    assert len(names) == 54
    for name in names:
        expected = application.get_layer(name).get_weights()
        for weight, value in zip(network.get_layer(name).get_weights(), expected, strict=True):
            np.testing.assert_array_equal(weight, value)


@pytest.mark.parametrize("name", APPLICATIONS)
def test_features_equal_those_of_the_application_on_its_preprocessed_input(name: str) -> None:
    make, preprocess, options, last_layer = APPLICATIONS[name]
    application = application_with_statistics(make, include_top=False, **options)
    network = make_fcn(backbone=name, fully_connected_channels=0, **options)
    for layer in (layer for block in backbone_blocks(network) for layer in block):
        network.get_layer(layer).set_weights(application.get_layer(layer).get_weights())
    features = keras.Model(network.input, network.get_layer(last_layer).output)(PHOTO)
    expected = application(preprocess(PHOTO.copy()))
    np.testing.assert_allclose(features, expected, rtol=1e-3, atol=1e-4 * np.max(expected))


@pytest.mark.parametrize("file", ["whole.weights.h5", "headless.weights.h5", "whole.h5", "headless.h5"])
@pytest.mark.parametrize("network", ["fcn8", "unet"])
def test_files_with_and_without_top_in_both_layouts_load(
    quarter: tuple[keras.Model, Path], network: str, file: str
) -> None:
    application, folder = quarter
    options = {**QUARTER, "weights": str(folder / file), **({"width": 2} if network == "unet" else {})}
    assert_backbone_has(create_network(network, image_size=45, num_classes=3, **options), application)


def test_a_file_at_a_uri_is_copied(quarter: tuple[keras.Model, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    application, folder = quarter

    class RemotePath:
        """A path at a URI, which can be opened only after it is copied."""

        name = "quarter.h5"

        def __init__(self, uri: str):
            self.exists = uri == "gs://bucket/quarter.h5"

        def expanduser(self) -> RemotePath:
            return self

        def __truediv__(self, name: str) -> RemotePath:  # no file of a release
            return RemotePath(f"gs://bucket/quarter.h5/{name}")

        def is_file(self) -> bool:
            return self.exists

        def copy(self, target: Path) -> Path:
            return Path(shutil.copy(folder / "headless.h5", target))

    monkeypatch.setattr("components.networks.pretrained.epath.Path", RemotePath)
    network = make_fcn(**QUARTER, weights="gs://bucket/quarter.h5")
    assert_backbone_has(network, application)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Replaces the server from which keras.applications downloads MobileNet; the value is the folder that it serves."""
    served = tmp_path / "served"
    served.mkdir()
    with served_folder(served, tmp_path / "keras", monkeypatch) as address:
        monkeypatch.setattr("keras.src.applications.mobilenet.BASE_WEIGHT_PATH", f"{address}/")
        yield served


def test_imagenet_downloads_what_keras_applications_publishes(quarter: tuple[keras.Model, Path], server: Path) -> None:
    application, folder = quarter
    shutil.copy(folder / "headless.h5", server / "mobilenet_2_5_224_tf_no_top.h5")
    assert_backbone_has(make_fcn(**QUARTER, weights="imagenet"), application)


@pytest.mark.usefixtures("server")
def test_a_failed_download_says_what_to_do() -> None:
    with pytest.raises(
        ValueError, match=r"'mobilenet' cannot be downloaded \(.*http://localhost.* 404 .*\): give a local .*weights: P"
    ):
        make_fcn(**QUARTER, weights="imagenet")


def test_weights_that_do_not_exist_or_do_not_fit_are_rejected(
    quarter: tuple[keras.Model, Path], tmp_path: Path
) -> None:
    _, folder = quarter
    with pytest.raises(ValueError, match=r"weights file .*nowhere\.h5 does not exist: give `imagenet`, an \.h5"):
        make_fcn(**QUARTER, weights=str(tmp_path / "nowhere.h5"))
    for file in ("whole.weights.h5", "headless.h5"):
        with pytest.raises(ValueError, match=rf"weights '.*{file}' do not fit the backbone 'mobilenet': [^\n]+$"):
            make_fcn(backbone="mobilenet", alpha=0.5, weights=str(folder / file))
    (tmp_path / "text.h5").write_text("no weights")
    with pytest.raises(ValueError, match=r"text\.h5' do not fit the backbone 'mobilenet': [^\n]+$"):
        make_fcn(**QUARTER, weights=str(tmp_path / "text.h5"))
    with pytest.raises(ValueError, match="weights 'imagenet' do not fit the backbone 'mobilenet': If imagenet weights"):
        make_fcn(backbone="mobilenet", alpha=0.3, weights="imagenet")
    with pytest.raises(ValueError, match="'vgg16': they need width 1 and no batch_normalization; remove these options"):
        make_fcn(width=0.5, fully_connected_channels=0, weights="imagenet")


def test_a_fully_connected_layer_becomes_a_convolution() -> None:
    """Long et al. 2015, section 3.1: where the 7×7 kernel covers the whole map, both compute the same."""
    pixels = keras.Input((7, 7, 3))
    flat = keras.layers.Dense(5, name="fc1", bias_initializer="uniform")(keras.layers.Flatten()(pixels))
    application = keras.Model(pixels, keras.layers.Dense(4, name="fc2", bias_initializer="uniform")(flat))
    maps = keras.layers.Conv2D(5, 7, padding="same", name="fc6")(pixels)
    network = keras.Model(pixels, keras.layers.Conv2D(4, 1, name="fc7")(maps))
    load_fully_connected(network, application)
    inputs = np.random.default_rng(0).uniform(size=(2, 7, 7, 3))
    np.testing.assert_allclose(network(inputs)[:, 3, 3], application(inputs), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_vgg16s_fully_connected_layers_become_fc6_and_fc7(tmp_path: Path) -> None:
    application = keras.applications.VGG16(weights=None)
    whole, headless = tmp_path / "whole.weights.h5", tmp_path / "headless.weights.h5"
    application.save_weights(whole)
    photo = np.random.default_rng(0).integers(0, 256, (1, 224, 224, 3)).astype(np.float32)
    preprocessed = keras.applications.vgg16.preprocess_input(photo.copy())
    expected = keras.Model(application.input, application.get_layer("fc2").output)(preprocessed)
    kernel = application.get_layer("block5_conv3").get_weights()[0]
    keras.Model(application.input, application.get_layer("block5_pool").output).save_weights(headless)
    del application
    network = create_network("fcn32", image_size=224, num_classes=2, weights=str(whole))
    fc7 = keras.Model(network.input, network.get_layer("fc7_relu").output)(photo)
    np.testing.assert_allclose(fc7[:, 3, 3], expected, rtol=1e-3, atol=1e-4 * np.max(expected))
    del network
    network = create_network("fcn32", image_size=224, num_classes=2, weights=str(headless))
    np.testing.assert_array_equal(network.get_layer("block5_conv3").get_weights()[0], kernel)
