"""DeepLabv3+, and backbones with a finer output stride."""

from __future__ import annotations

import functools
from typing import Any

import keras
import numpy as np
import pytest

from components.networks import backbone_blocks, create_network
from components.networks.atrous import with_output_stride
from components.networks.backbones import BACKBONES, STRIDES, Backbone, make_backbone
from components.networks.contract import check_network

SMALL: dict[str, dict[str, Any]] = {
    "vgg16": {"width": 0.05},
    "mobilenet": {"alpha": 0.25},
    "mobilenet_v2": {"alpha": 0.35},
}
QUARTER: dict[str, Any] = {"backbone": "mobilenet", "alpha": 0.25, "channels": 8, "decoder_channels": 4}


@functools.cache
def small(name: str) -> tuple[Any, Backbone]:
    images = keras.Input((None, None, 3))
    return images, make_backbone(name, images, **SMALL.get(name, {}))


@pytest.mark.slow
@pytest.mark.parametrize("options", [{"output_stride": 8}, {"separable": True, "freeze_batch_normalization": True}])
def test_contract(options: dict[str, Any]) -> None:
    check_network("deeplab_v3_plus", **QUARTER, **options)


@pytest.mark.slow
@pytest.mark.parametrize("backbone", BACKBONES)
def test_contract_with_every_backbone(backbone: str) -> None:
    check_network("deeplab_v3_plus", backbone=backbone, channels=8, **SMALL.get(backbone, {}))


@pytest.mark.parametrize("output_stride", [8, 16, 32])
@pytest.mark.parametrize("name", BACKBONES)
def test_a_backbone_keeps_its_layers_and_their_weights(name: str, output_stride: int) -> None:
    images, backbone = small(name)
    finer = with_output_stride(backbone, images, output_stride)
    assert (finer.blocks, finer.shift) == (backbone.blocks, backbone.shift)
    before, after = (keras.Model(images, [each.features[s] for s in STRIDES]) for each in (backbone, finer))
    assert [w.shape for w in before.weights] == [w.shape for w in after.weights]
    for stride, shape in zip(STRIDES, after.compute_output_shape((1, 64, 96, 3)), strict=True):
        height, width = (side // min(stride, output_stride) for side in (64, 96))
        assert shape == (1, height, width, backbone.features[stride].shape[-1])


@pytest.mark.parametrize(
    ("name", "output_stride"), [("mobilenet", 16), ("mobilenet", 8), ("resnet50_v2", 16), ("vgg16", 8)]
)
def test_dilated_layers_see_the_same_positions_as_before(name: str, output_stride: int) -> None:
    """Every s-th feature of a dilated backbone equals the feature of the original one, whose stride is s times larger.

    VGG-16's features are compared up to the first pooling that changes: it covers 3×3 instead of 2×2.
    """
    images, backbone = small(name)
    finer = with_output_stride(backbone, images, output_stride)
    coarse, fine = (keras.Model(images, [each.features[s] for s in STRIDES]) for each in (backbone, finer))
    fine.set_weights(coarse.get_weights())
    photo = np.random.default_rng(0).uniform(0, 255, (1, 256, 256, 3)).astype(np.float32)
    for stride, expected, features in zip(STRIDES, coarse(photo), fine(photo), strict=True):
        if name == "vgg16" and stride > output_stride:
            continue
        every = max(1, stride // output_stride)
        first = every - 1 if backbone.shift == 1 else 0  # where the first coarse feature is centred
        sampled = features[:, first::every, first::every]
        middle = slice(sampled.shape[1] // 2 - 1, sampled.shape[1] // 2 + 1)  # padding differs towards the edges
        np.testing.assert_allclose(sampled[:, middle, middle], expected[:, middle, middle], rtol=1e-3, atol=1e-3)


def test_the_pyramid_and_the_decoder_are_those_of_the_paper() -> None:
    """Chen et al. 2017, section 3.3: rates 6, 12 and 18 at stride 16, doubled at 8; 2018, section 4.1: 48 channels."""
    network = create_network("deeplab_v3_plus", image_size=64, num_classes=3, backbone="mobilenet_v2")
    for rate in (6, 12, 18):
        assert network.get_layer(f"pyramid_rate{rate}").dilation_rate == (rate, rate)
    assert network.get_layer("decoder_reduce").filters == 48
    assert network.get_layer("decoder_conv1").kernel.shape == (3, 3, 256 + 48, 256)
    # A 1×1 convolution of five branches of 256 channels, as a sum of two.
    assert network.get_layer("pyramid_project").kernel.shape == (1, 1, 4 * 256, 256)
    assert network.get_layer("pyramid_image_project").kernel.shape == (1, 1, 256, 256)
    finer = create_network("deeplab_v3_plus", image_size=64, num_classes=3, output_stride=8, **QUARTER)
    assert finer.get_layer("pyramid_rate36").dilation_rate == (36, 36)
    assert backbone_blocks(network) == backbone_blocks(
        create_network("fcn8", image_size=64, num_classes=3, backbone="mobilenet_v2")
    )


def test_another_output_stride_is_rejected() -> None:
    with pytest.raises(ValueError, match="output_stride must be one of 8, 16, 32, not 4"):
        create_network("deeplab_v3_plus", image_size=64, num_classes=3, output_stride=4, **QUARTER)
