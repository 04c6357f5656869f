"""The contract that every network keeps: shapes, odd sizes, dtype, serialisation, alignment."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from components.segmentation_trainer.network_names import NETWORKS
from components.segmentation_trainer.networks import create_network
from components.segmentation_trainer.networks.alignment import BilinearInitializer

CLASSES = 4
SMALL = {
    "unet": {"width": 4, "depth": 2, "dropout": 0.0},
    **{name: {"width": 0.05, "fully_connected_channels": 8} for name in ("fcn32", "fcn16", "fcn8", "fcn4")},
}


def small(name: str, size: int) -> keras.Model:
    return create_network(name, image_size=size, num_classes=CLASSES, **SMALL[name])


def images(size: int, batch: int = 2) -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 255, (batch, size, size, 3)).astype(np.float32)


def test_the_contract_covers_every_network() -> None:
    assert set(SMALL) == set(NETWORKS)


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("size", [32, 45])
def test_scores_have_the_inputs_size_and_are_linear(name: str, size: int) -> None:
    network = small(name, size)
    scores = np.asarray(network(images(size)))
    assert scores.shape == (2, size, size, CLASSES)
    assert scores.dtype == np.float32
    assert scores.min() < 0  # logits, not probabilities
    assert network.output_shape == (None, size, size, CLASSES)


@pytest.mark.parametrize("name", SMALL)
def test_save_and_load_give_the_same_scores(name: str, tmp_path: Path) -> None:
    network = small(name, 37)
    network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    np.testing.assert_allclose(loaded(images(37)), network(images(37)), atol=1e-6)


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("odd", [0, 3])
def test_moving_the_input_by_the_coarsest_stride_moves_the_scores(name: str, odd: int) -> None:
    stride, border = (4, 48) if name == "unet" else (32, 192)  # a border as wide as scores see far
    size = 2 * border + 2 * stride - odd
    options = SMALL[name] if name == "unet" else {"width": 0.05, "fully_connected_channels": 0}
    network = create_network(name, image_size=size, num_classes=CLASSES, **options)
    scene = np.random.default_rng(0).uniform(0, 255, (1, size, size + stride, 3)).astype(np.float32)
    here, moved = (np.asarray(network(scene[:, :, left : left + size])) for left in (0, stride))
    inner = slice(border, size - border)
    expected, actual = here[:, inner, border + stride : size - border + stride], moved[:, inner, inner]
    assert expected.std() > 0.01
    np.testing.assert_allclose(actual, expected, atol=1e-3 * expected.std())
    assert np.abs(here[:, inner, inner] - actual).max() > 0.1 * expected.std()  # they do differ where not moved


def test_fcn8_on_vgg16_has_the_papers_parameters() -> None:
    """Simonyan and Zisserman 2015, table 2: VGG-16 has 138 M parameters, 14,714,688 of them convolutional."""
    network = create_network("fcn8", image_size=32, num_classes=21)
    by_layer = {layer.name: layer.count_params() for layer in network.layers}
    assert sum(count for name, count in by_layer.items() if name.startswith("block")) == 14_714_688
    assert by_layer["fc6"] == 7 * 7 * 512 * 4096 + 4096
    assert by_layer["fc7"] == 4096 * 4096 + 4096
    assert by_layer["score_stride32"] == 4096 * 21 + 21


def test_vgg16_loads_keras_applications_layers_by_name() -> None:
    reference = keras.applications.VGG16(include_top=False, weights=None)
    network = create_network("fcn8", image_size=32, num_classes=2, fully_connected_channels=0)
    convolutions = [layer for layer in reference.layers if layer.name.startswith("block") and layer.weights]
    assert len(convolutions) == 13
    for layer in convolutions:
        assert [w.shape for w in network.get_layer(layer.name).weights] == [w.shape for w in layer.weights]


def test_unets_channels_are_the_papers() -> None:
    """Ronneberger et al. 2015, figure 1: 64 channels at the top, 1,024 at the bottom; 31.0 M parameters."""
    network = create_network("unet", image_size=32, num_classes=2)
    assert network.get_layer("down0_conv1").filters == 64
    assert network.get_layer("bottom_conv2").filters == 1024
    assert 31.0e6 < network.count_params() < 31.1e6


@pytest.mark.parametrize("stride", [2, 8])
def test_upsampling_starts_as_bilinear_interpolation(stride: int) -> None:
    layer = keras.layers.Conv2DTranspose(
        1, 2 * stride, strides=stride, padding="same", use_bias=False, kernel_initializer=BilinearInitializer()
    )
    ramp = np.tile(np.arange(8, dtype=np.float32), (8, 1))[None, :, :, None]
    upsampled = np.asarray(layer(ramp))[0, 4 * stride, :, 0]
    expected = (np.arange(8 * stride) + 0.5) / stride - 0.5
    inner = slice(stride, -stride)
    np.testing.assert_allclose(upsampled[inner], expected[inner], atol=1e-5)


def test_unknown_names_and_options_are_refused() -> None:
    with pytest.raises(ValueError, match=r"unknown network 'fcn9'; known are fcn32, fcn16, fcn8, fcn4, unet"):
        create_network("fcn9", image_size=32, num_classes=2)
    with pytest.raises(ValueError, match=r"'unet': got an unexpected .* 'wdth'; its options are width, depth"):
        create_network("unet", image_size=32, num_classes=2, wdth=3)
    with pytest.raises(ValueError, match=r"'fcn8': .* 'wdth'; its options are output_stride, width"):
        create_network("fcn8", image_size=32, num_classes=2, wdth=3)
    with pytest.raises(ValueError, match=r"'unet' can't be made: \w+: "):
        create_network("unet", image_size=32, num_classes=2, width="wide")
    with pytest.raises(ValueError, match=r"'no_such_module:build' can't be imported"):
        create_network("no_such_module:build", image_size=32, num_classes=2)


def test_a_network_of_ones_own_by_its_dotted_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_networks.py").write_text(
        "import keras\n"
        "def build(image_size, num_classes, stride=1):\n"
        "    images = keras.Input((image_size, image_size, 3))\n"
        "    return keras.Model(images, keras.layers.Conv2D(num_classes, 1, strides=stride)(images))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    network = create_network("my_networks:build", image_size=32, num_classes=5)
    assert network.output_shape == (None, 32, 32, 5)
    with pytest.raises(ValueError, match=r"gives scores of shape \(None, 16, 16, 5\) instead of \(None, 32, 32, 5\)"):
        create_network("my_networks:build", image_size=32, num_classes=5, stride=2)
