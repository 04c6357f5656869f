"""The networks: the contract, alignment with the input for every size, the sizes in the papers, options."""

from __future__ import annotations

import functools
import itertools
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.networks import create_network
from components.networks.alignment import BilinearUpsampling, learned_upsampling
from components.networks.contract import check_network
from components.networks.names import NETWORKS

if TYPE_CHECKING:
    from pathlib import Path

FCNS = ("fcn32", "fcn16", "fcn8", "fcn4")
SMALL: dict[str, dict[str, Any]] = {
    "unet": {"width": 4, "depth": 2},
    "deeplab_v3_plus": {"backbone": "mobilenet", "alpha": 0.25, "channels": 8},
    **{name: {"width": 0.05, "fully_connected_channels": 8} for name in FCNS},
}
QUARTER: dict[str, Any] = {"backbone": "mobilenet", "alpha": 0.25}


def test_every_network_is_tested() -> None:
    assert set(SMALL) == set(NETWORKS)


# The other FCNs have the same kinds of layers as FCN-8; parts of DeepLab have quick tests in test_deeplab.py.
@pytest.mark.parametrize(
    "name", [name if name in {"unet", "fcn8"} else pytest.param(name, marks=pytest.mark.slow) for name in SMALL]
)
def test_contract(name: str) -> None:
    check_network(name, **SMALL[name])


@pytest.mark.parametrize("name", ["unet", "fcn8", "deeplab_v3_plus"])
def test_images_can_have_another_shape_than_a_square(name: str) -> None:
    network = create_network(name, image_size=(40, 57), num_classes=3, **SMALL[name])
    assert network(np.zeros((1, 40, 57, 3), np.float32)).shape == (1, 40, 57, 3)


@pytest.mark.slow
def test_contract_of_fcn_with_a_backbone() -> None:
    check_network("fcn8", **QUARTER, fully_connected_channels=8, image_pooling=True, freeze_batch_normalization=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    "backbone", ["mobilenet", "vgg16", "mobilenet_v2", "resnet50_v2", "efficientnet_v2_b0", "efficientnet_lite0"]
)
@pytest.mark.parametrize(
    ("name", "options"),
    [("fcn4", {"fully_connected_channels": 0}), ("unet", {"width": 4, "batch_normalization": True})],
)
def test_contract_with_every_backbone(name: str, options: dict[str, Any], backbone: str) -> None:
    check_network(name, backbone=backbone, **options)


@functools.cache
def of_any_size(name: str, backbone: str) -> keras.Model:
    options: dict[str, Any] = {"vgg16": {"width": 0.05, "fully_connected_channels": 0}, "mobilenet": QUARTER}[backbone]
    network = create_network(name, image_size=None, num_classes=3, **options)
    random = np.random.default_rng(0)
    for layer in network.layers:
        if layer.name.startswith("score_stride"):  # initialised with zero
            layer.kernel.assign(random.normal(0, 0.1, layer.kernel.shape))
    return network


@settings(max_examples=12)
@given(
    name=st.sampled_from(FCNS),
    backbone=st.sampled_from(["vgg16", "mobilenet"]),
    height=st.integers(32, 100),
    more_width=st.integers(0, 40),
    seed=st.integers(0, 99),
)
def test_shifting_the_input_by_the_coarsest_stride_shifts_an_fcns_scores(
    name: str, backbone: str, height: int, more_width: int, seed: int
) -> None:
    network = of_any_size(name, backbone)
    stride, border = 32, 256  # the border is as wide as the receptive field of the scores
    width = 2 * border + 2 * stride + more_width
    scene = np.random.default_rng(seed).uniform(0, 255, (1, height, width + stride, 3)).astype(np.float32)
    here, moved = (np.asarray(network(scene[:, :, left : left + width])) for left in (0, stride))
    assert here.shape == (1, height, width, 3)
    expected, actual = here[:, :, border + stride : width - border], moved[:, :, border : width - border - stride]
    np.testing.assert_allclose(actual, expected, atol=1e-3 * expected.std())
    assert (
        np.abs(here[:, :, border : width - border - stride] - actual).max() > 0.1 * expected.std()
    )  # without the shift they differ


def test_shifting_the_input_shifts_a_unets_scores() -> None:
    network = create_network("unet", image_size=None, num_classes=3, **SMALL["unet"])
    scene = np.random.default_rng(0).uniform(0, 255, (1, 45, 111, 3)).astype(np.float32)
    here, moved = (np.asarray(network(scene[:, :, left : left + 107])) for left in (0, 4))
    np.testing.assert_allclose(moved[:, :, 40:-44], here[:, :, 44:-40], atol=1e-4 * here.std())


@given(
    stride=st.integers(2, 16), shift=st.sampled_from([0.0, 0.5, 1.0]), height=st.integers(3, 6), width=st.integers(3, 6)
)
@settings(max_examples=30)
def test_upsampling_is_bilinear_interpolation(stride: int, shift: float, height: int, width: int) -> None:
    """At the edges, learned upsampling fades to zero; the fixed upsampling repeats the outermost score."""

    def centres(size: int) -> np.ndarray:
        return stride * np.arange(size) + shift * (stride - 1)

    ramps = np.stack(np.meshgrid(centres(height), centres(width), indexing="ij"), axis=-1)[None].astype(np.float32)
    inputs = keras.Input((None, None, 2))
    expected = np.moveaxis(np.indices((height * stride, width * stride)), 0, -1)
    learned = keras.Model(inputs, learned_upsampling(inputs, stride, "up", shift=shift))(ramps)[0]
    assert learned.shape == expected.shape
    inner = slice(stride, -stride)
    np.testing.assert_allclose(learned[inner, inner], expected[inner, inner], atol=1e-3)

    fixed = BilinearUpsampling(stride, shift)(ramps)[0]
    first, last = ramps[0, 0, 0], ramps[0, -1, -1]
    np.testing.assert_allclose(fixed, np.clip(expected, first, last), atol=1e-3)


def test_an_fcn_starts_with_equal_scores_and_its_last_upsampling_is_not_trained() -> None:
    """Long et al. 2015, section 4.3."""
    network = create_network("fcn4", image_size=32, num_classes=3, **SMALL["fcn4"])
    photo = np.random.default_rng(0).uniform(0, 255, (1, 32, 32, 3)).astype(np.float32)
    assert not np.any(network(photo))
    learned = {layer.name for layer in network.layers if layer.trainable_weights and layer.name.startswith("upsample")}
    assert learned == {"upsample_to_stride16", "upsample_to_stride8", "upsample_to_stride4"}


@pytest.fixture
def zero_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fills kernels with zeros: drawing a hundred million random numbers takes seconds."""
    monkeypatch.setattr(
        keras.initializers.VarianceScaling, "__call__", lambda _, shape, dtype: keras.ops.zeros(shape, dtype)
    )


@pytest.mark.usefixtures("zero_weights")
def test_fcn_has_as_many_parameters_as_in_the_paper() -> None:
    """Long et al. 2015, table 1: FCN-VGG16 has 134 M parameters; 14,714,688 of them are VGG-16's convolutions."""
    network = create_network("fcn32", image_size=32, num_classes=21)
    by_layer = {layer.name: layer.count_params() for layer in network.layers}
    assert sum(count for name, count in by_layer.items() if name.startswith("block")) == 14_714_688
    assert by_layer["fc6"] == 7 * 7 * 512 * 4096 + 4096
    assert by_layer["fc7"] == 4096 * 4096 + 4096
    assert by_layer["score_stride32"] == 4096 * 21 + 21
    assert round(sum(by_layer.values()) / 1e6) == 134


def test_fc6_and_fc7_with_another_backbone_are_optional() -> None:
    plain = create_network("fcn32", image_size=32, num_classes=2, **QUARTER)
    assert not [layer for layer in plain.layers if layer.name.startswith("fc")]
    with_them = create_network("fcn32", image_size=32, num_classes=2, **QUARTER, fully_connected_channels=6)
    assert with_them.get_layer("fc6").kernel.shape == (3, 3, 256, 6)
    assert with_them.get_layer("fc7").kernel.shape == (1, 1, 6, 6)
    assert with_them.get_layer("fc6_bn").gamma.shape == (6,)  # normalised, like the MobileNet
    larger = create_network(
        "fcn32", image_size=32, num_classes=2, **QUARTER, fully_connected_channels=6, fully_connected_kernel_size=7
    )
    assert larger.get_layer("fc6").kernel.shape == (7, 7, 256, 6)


@pytest.mark.parametrize("image_pooling", [False, True])
def test_image_pooling_adds_global_context_to_every_position(image_pooling: bool) -> None:
    keras.utils.set_random_seed(0)  # with unlucky weights all channels are 0 after the ReLU
    options = {"width": 0.05, "fully_connected_channels": 64, "image_pooling": image_pooling}
    network = create_network("fcn32", image_size=None, num_classes=2, **options)
    features = keras.Model(network.input, network.get_layer("fc7_relu").output)
    photo = np.random.default_rng(0).uniform(0, 255, (1, 32, 512, 3)).astype(np.float32)
    darkened = photo.copy()
    darkened[:, :, :64] = 0
    first, other = (
        features(photo)[0, 0, -4:],
        features(darkened)[0, 0, -4:],
    )  # outside their receptive field without pooling
    assert (np.abs(first - other).max() > 0.01 * np.std(first)) == image_pooling


def test_image_pooling_needs_fc6() -> None:
    with pytest.raises(ValueError, match="image_pooling needs fc6: set fully_connected_channels above 0"):
        create_network("fcn32", image_size=32, num_classes=2, **QUARTER, image_pooling=True)


@pytest.mark.usefixtures("zero_weights")
def test_unet_has_the_channels_of_the_paper() -> None:
    """Ronneberger et al. 2015, figure 1: 64 channels at the top, 1,024 at the bottom.

    From the figure's 3×3, 2×2 and 1×1 convolutions, with biases: 31.0 M parameters.
    """
    network = create_network("unet", image_size=32, num_classes=2)
    assert network.get_layer("down0_conv1").filters == 64
    assert network.get_layer("bottom_conv2").filters == 1024
    assert {layer.rate for layer in network.layers if isinstance(layer, keras.layers.Dropout)} == {0.3}
    widths = [3, 64, 128, 256, 512, 1024]
    down = sum((9 * a + 1) * b + (9 * b + 1) * b for a, b in itertools.pairwise(widths))
    up = sum((4 * 2 * b + 1) * b + (9 * 2 * b + 1) * b + (9 * b + 1) * b for b in widths[1:-1])
    assert network.count_params() == down + up + 65 * 2
    assert round(network.count_params() / 1e6, 1) == 31.0


def test_unet_with_a_backbone_concatenates_its_features_at_strides_16_to_2() -> None:
    network = create_network("unet", image_size=64, num_classes=2, width=3, dropout=0.1, **QUARTER)
    channels = {1: 16, 2: 32, 3: 64, 4: 128}  # a quarter of MobileNet's: Howard et al. 2017, table 1
    for level in range(5):
        assert network.get_layer(f"up{level}_conv2").filters == 3 * 2**level
        assert network.get_layer(f"up{level}_conv1").kernel.shape[2] == 3 * 2**level + channels.get(level, 0)
    wide = create_network("unet", image_size=32, num_classes=2, width=64, **QUARTER)
    assert [wide.get_layer(f"up{level}").filters for level in range(5)] == [64, 128, 256, 512, 512]


def test_unet_with_a_backbone_can_end_at_a_coarser_stride() -> None:
    make = functools.partial(create_network, "unet", num_classes=2, width=3, **QUARTER)
    network = make(image_size=None, output_stride=8)
    names = {layer.name for layer in network.layers}
    assert {"up4", "up3"} <= names
    assert not names & {"up2", "up1", "up0"}
    assert network(np.zeros((1, 45, 70, 3), np.float32)).shape == (1, 45, 70, 2)
    with pytest.raises(ValueError, match="output_stride must be one of 1, 2, 4, 8, 16, not 3"):
        make(image_size=32, output_stride=3)
    with pytest.raises(ValueError, match="output_stride needs a backbone: name one"):
        create_network("unet", image_size=32, num_classes=2, output_stride=8)


def test_unknown_names_and_options_are_rejected() -> None:
    make = functools.partial(create_network, image_size=32, num_classes=2)
    with pytest.raises(ValueError, match=r"unknown network 'fcn9'; known are fcn32, .*, unet, deeplab_v3_plus, or"):
        make("fcn9")
    with pytest.raises(
        ValueError, match=r"'unet' cannot be created: unknown option 'wdth'; its options are width, depth"
    ):
        make("unet", wdth=3)
    with pytest.raises(
        ValueError, match=r"'fcn8' cannot be created: unknown option 'wdth'; with .* are backbone, weights"
    ):
        make("fcn8", wdth=3)
    with pytest.raises(ValueError, match=r"'fcn8' cannot be created: unknown option 'output_stride'"):
        make("fcn8", output_stride=4)
    with pytest.raises(ValueError, match=r"'unet' cannot be created: \w+: "):
        make("unet", width=[4])
    with pytest.raises(ValueError, match="depth 2 cannot be used with a backbone, which has five poolings: remove it"):
        make("unet", **QUARTER, depth=2)
    with pytest.raises(
        ValueError, match="weights and freeze_batch_normalization need a backbone: name one with `backbone`"
    ):
        make("unet", width=2, weights="imagenet")
    with pytest.raises(ValueError, match=r"'no_such_module:build' cannot be imported"):
        make("no_such_module:build")


def test_a_users_network_is_found_by_its_dotted_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_networks.py").write_text(
        "import keras\n"
        "def build(image_size, num_classes, stride=1):\n"
        "    images = keras.Input((image_size, image_size, 3))\n"
        "    return keras.Model(images, keras.layers.Conv2D(num_classes, 1, strides=stride)(images))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    network = create_network("my_networks:build", image_size=32, num_classes=5)
    assert network.output_shape == (None, 32, 32, 5)
    with pytest.raises(ValueError, match=r"returns scores of shape \(None, 16, 16, 5\), expected \(None, 32, 32, 5\)"):
        create_network("my_networks:build", image_size=32, num_classes=5, stride=2)
    with pytest.raises(ValueError, match=r"'my_networks:build': got an unexpected .* 'wdth'; its options are stride"):
        create_network("my_networks:build", image_size=32, num_classes=5, wdth=2)
