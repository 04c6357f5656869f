"""The backbones: positions of their features, layers of their blocks, published sizes, options."""

from __future__ import annotations

import functools
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.networks import backbone_blocks, create_network
from components.networks.backbones import BACKBONES, STRIDES, Backbone, make_backbone

SMALL: dict[str, dict[str, Any]] = {
    "vgg16": {"width": 0.05},
    "mobilenet": {"alpha": 0.25},
    "mobilenet_v2": {"alpha": 0.35},
    "resnet50_v2": {},
    "efficientnet_v2_b0": {},
    **{f"efficientnet_lite{variant}": {} for variant in range(3)},
}
CENTRED = [name for name in SMALL if name not in ("efficientnet_lite1", "efficientnet_lite2")]
"""Lite1 and Lite2 have more blocks than Lite0, with the same strides."""


def size_of(name: str) -> int:
    """An image size at which receptive fields in the middle do not reach the edges; Lite0 has kernels of 5×5."""
    return 960 if name.startswith("efficientnet_lite") else 320


def test_every_backbone_is_tested() -> None:
    assert set(SMALL) == set(BACKBONES)


@functools.cache
def small(name: str) -> tuple[Any, Backbone]:
    images = keras.Input((None, None, 3))
    return images, make_backbone(name, images, **SMALL[name])


@functools.cache
def averaging_fcn4(name: str) -> keras.Model:
    """FCN-4 in which each layer averages its inputs: the gradient of an output then shows its receptive field.

    All channels of a layer would be equal, so that one is enough.
    """
    network = create_network("fcn4", image_size=size_of(name), num_classes=1, backbone=name, **SMALL[name] | NO_HEAD)
    network = keras.models.clone_model(network, clone_function=_averaging)
    for layer in network.layers:
        if isinstance(layer, keras.layers.DepthwiseConv2D):
            layer.kernel.assign(np.full(layer.kernel.shape, 1 / np.prod(layer.kernel.shape[:2])))
        elif isinstance(layer, keras.layers.Conv2D):
            # A squeeze-and-excitation gate depends on the whole image: weights of zero keep it half open everywhere.
            weight = 0 if layer.name.endswith("se_expand") else 1 / np.prod(layer.kernel.shape[:3])
            layer.kernel.assign(np.full(layer.kernel.shape, weight))
    return network


NO_HEAD = {"fully_connected_channels": 0}


def _averaging(layer: keras.Layer) -> keras.Layer:
    config = layer.get_config()
    if isinstance(layer, keras.layers.MaxPooling2D):
        return keras.layers.AveragePooling2D.from_config(config)
    if isinstance(layer, keras.layers.ReLU):
        config["max_value"] = None
    if isinstance(layer, keras.layers.Conv2D):
        config["filters"] = 1
    if isinstance(layer, keras.layers.Reshape):  # of a squeeze-and-excitation block
        config["target_shape"] = (1, 1, 1)
    return type(layer).from_config(config)


def receptive_field_centres(
    network: keras.Model, positions: list[tuple[Any, tuple[int, int]]]
) -> list[tuple[float, float]]:
    """The centroids, in pixels of a white image, of the receptive fields of positions in outputs."""
    size = network.input_shape[1]
    white = tf.fill((1, size, size, 3), 255.0)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(white)
        outputs = keras.Model(network.inputs, [output for output, _ in positions])(white)
        values = [
            tf.reduce_sum(output[0, row, column]) for output, (_, (row, column)) in zip(outputs, positions, strict=True)
        ]
    rows, columns = np.indices((size, size))
    weights = [tape.gradient(value, white).numpy()[0].sum(axis=-1).astype(np.float64) for value in values]
    return [((weight * rows).sum() / weight.sum(), (weight * columns).sum() / weight.sum()) for weight in weights]


@pytest.mark.parametrize(
    "name", [name if name == "mobilenet" else pytest.param(name, marks=pytest.mark.slow) for name in CENTRED]
)
def test_features_are_centred_according_to_the_shift(name: str) -> None:
    images, backbone = small(name)
    network = averaging_fcn4(name)
    positions, expected, middle = [], [], size_of(name) // 2
    for stride in STRIDES:
        (layer,) = keras.Model(images, backbone.features[stride]).output_names
        position = (middle // stride, middle // stride - 1)
        positions.append((network.get_layer(layer).output, position))
        expected.append([stride * index + backbone.shift * (stride - 1) for index in position])
    errors = np.abs(np.array(receptive_field_centres(network, positions)) - expected).max(axis=1)
    assert (errors <= 0.02 * np.array(STRIDES)).all(), errors


@pytest.mark.parametrize("name", CENTRED)
def test_the_receptive_field_of_a_pixels_scores_is_centred_on_the_pixel(name: str) -> None:
    network = averaging_fcn4(name)
    middle = size_of(name) // 2
    pixels = [(middle - 2, middle + 9), (middle - 15, middle - 8)]
    centres = receptive_field_centres(network, [(network.output, pixel) for pixel in pixels])
    np.testing.assert_allclose(centres, pixels, atol=0.5)


@pytest.mark.parametrize(
    "name",
    [name if name in CENTRED else pytest.param(name, marks=pytest.mark.slow) for name in SMALL],
)
def test_the_five_blocks_contain_all_layers_in_order(name: str) -> None:
    images, backbone = small(name)
    network = keras.Model(images, [backbone.features[stride] for stride in STRIDES])

    def means() -> np.ndarray:
        return np.array([float(tf.reduce_sum(features)) for features in network(tf.fill((1, 32, 32, 3), 200.0))])

    names = [layer.name for layer in network.layers if layer.weights]
    assert sorted(name for block in backbone.blocks for name in block) == sorted(names)
    assert len(backbone.blocks) == len(STRIDES)
    before = means()
    for index, block in enumerate(backbone.blocks):
        last_weights = network.get_layer(block[-1]).weights[-1]
        last_weights.assign_add(np.ones(last_weights.shape))
        assert list(means() != before) == [stride >= STRIDES[index] for stride in STRIDES]
        last_weights.assign_add(-np.ones(last_weights.shape))


@pytest.mark.parametrize(
    ("name", "published_millions"),
    [("vgg16", None), ("mobilenet", 4.3), ("mobilenet_v2", 3.5), ("resnet50_v2", 25.6), ("efficientnet_v2_b0", 7.2)],
)
def test_parameter_counts_are_the_published_ones(name: str, published_millions: float | None) -> None:
    """The published counts include the classifier of 1,000 classes: https://keras.io/api/applications/, "Parameters".

    VGG-16 has 138.4 M parameters: 14,714,688 in the convolutions (Simonyan and Zisserman 2015, table 1, column D: the
    sum of 9 × inputs × outputs + outputs) and the rest in the three fully connected layers of its classifier.
    """
    images = keras.Input((None, None, 3))
    features = make_backbone(name, images).features[32]
    count = keras.Model(images, features).count_params()
    if published_millions is None:
        assert count == 14_714_688
        classifier = (25_088 + 1) * 4_096 + (4_096 + 1) * 4_096 + (4_096 + 1) * 1_000
        published_millions = 138.4
    else:
        classifier = (features.shape[-1] + 1) * 1_000
    assert round((count + classifier) / 1e6, 1) == published_millions


def test_feature_sizes_are_those_of_the_padded_image_over_the_stride() -> None:
    for name in SMALL:
        images, backbone = small(name)
        network = keras.Model(images, [backbone.features[stride] for stride in STRIDES])
        for stride, features in zip(STRIDES, network(np.zeros((1, 33, 70, 3))), strict=True):
            assert tuple(features.shape[1:3]) == (64 // stride, 96 // stride)


def test_vgg16_has_the_layer_names_of_keras_applications() -> None:
    reference = keras.applications.VGG16(include_top=False, weights=None)
    _, backbone = small("vgg16")
    assert [name for block in backbone.blocks for name in block] == [
        layer.name for layer in reference.layers if layer.weights
    ]


def test_unknown_backbones_and_options_are_rejected() -> None:
    make = functools.partial(create_network, "fcn8", image_size=32, num_classes=2)
    with pytest.raises(ValueError, match=r"unknown backbone 'vgg19'; known are vgg16, mobilenet, mobilenet_v2, resnet"):
        make(backbone="vgg19")
    known = (
        "backbone, weights, freeze_batch_normalization, fully_connected_channels, fully_connected_kernel_size, "
        "image_pooling, dropout"
    )
    with pytest.raises(ValueError, match=rf"option 'alpha'; with the backbone 'vgg16' .* are {known}, width, batch_no"):
        make(alpha=0.25)
    with pytest.raises(ValueError, match=rf"option 'width'; with the backbone 'mobilenet' its options are {known}, al"):
        make(backbone="mobilenet", width=0.25)
    with pytest.raises(
        ValueError, match="unknown option 'classes'; with the backbone 'resnet50_v2' its options are no"
    ):
        make_backbone("resnet50_v2", keras.Input((32, 32, 3)), classes=3)


@pytest.mark.parametrize("name", ["fcn8", "unet"])
def test_networks_list_the_blocks_of_their_backbone(name: str) -> None:
    network = create_network(name, image_size=32, num_classes=2, backbone="mobilenet", alpha=0.25)
    assert backbone_blocks(network) == small("mobilenet")[1].blocks
    assert backbone_blocks(create_network("unet", image_size=32, num_classes=2, width=2, depth=1)) == ()


@pytest.mark.parametrize("name", ["fcn8", "unet"])
def test_frozen_normalisation_keeps_its_statistics_even_after_loading(name: str, tmp_path: Any) -> None:
    def statistics_change(network: keras.Model, layer: str) -> bool:
        before = network.get_layer(layer).moving_mean.numpy()
        network(np.full((2, 32, 32, 3), 99.0, np.float32), training=True)
        return bool((network.get_layer(layer).moving_mean.numpy() != before).any())

    options: dict[str, Any] = {"backbone": "mobilenet", "alpha": 0.25, **({"width": 4} if name == "unet" else {})}
    network = create_network(name, image_size=32, num_classes=2, freeze_batch_normalization=True, **options)
    network.save(tmp_path / "network.keras")
    for frozen in (network, keras.saving.load_model(tmp_path / "network.keras")):
        assert not statistics_change(frozen, "conv1_bn")
        assert not statistics_change(frozen, "conv_pw_13_bn")
        assert frozen.get_layer("conv_pw_13").trainable
    assert statistics_change(create_network(name, image_size=32, num_classes=2, **options), "conv1_bn")
