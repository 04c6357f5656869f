"""Backbones: where their features lie, the layers of their blocks, their published sizes, their options."""

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
}
SIZE = 320


def test_every_backbone_is_tested() -> None:
    assert set(SMALL) == set(BACKBONES)


@functools.cache
def small(name: str) -> tuple[Any, Backbone]:
    images = keras.Input((None, None, 3))
    return images, make_backbone(name, images, **SMALL[name])


@functools.cache
def averaging_fcn4(name: str) -> keras.Model:
    """FCN-4, but each layer averages what it sees: an output's gradient is then where it looks."""
    network = create_network("fcn4", image_size=SIZE, num_classes=1, backbone=name, **SMALL[name] | NO_HEAD)
    network = keras.models.clone_model(network, clone_function=_averaging)
    for layer in network.layers:
        if isinstance(layer, keras.layers.DepthwiseConv2D):
            layer.kernel.assign(np.full(layer.kernel.shape, 1 / np.prod(layer.kernel.shape[:2])))
        elif isinstance(layer, keras.layers.Conv2D):
            # A gate looks at the whole image: it is left half open everywhere.
            sees = 0 if layer.name.endswith("se_expand") else 1 / np.prod(layer.kernel.shape[:3])
            layer.kernel.assign(np.full(layer.kernel.shape, sees))
    return network


NO_HEAD = {"fully_connected_channels": 0}


def _averaging(layer: keras.Layer) -> keras.Layer:
    config = layer.get_config()
    if isinstance(layer, keras.layers.MaxPooling2D):
        return keras.layers.AveragePooling2D.from_config(config)
    if isinstance(layer, keras.layers.ReLU):
        config["max_value"] = None
    return type(layer).from_config(config)


def centres_of_gradients(
    network: keras.Model, places: list[tuple[Any, tuple[int, int]]]
) -> list[tuple[np.floating, np.floating]]:
    """The centroids, in pixels, of what places of outputs look at, in a white image."""
    white = tf.fill((1, SIZE, SIZE, 3), 255.0)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(white)
        outputs = keras.Model(network.inputs, [output for output, _ in places])(white)
        seen = [
            tf.reduce_sum(output[0, row, column]) for output, (_, (row, column)) in zip(outputs, places, strict=True)
        ]
    rows, columns = np.indices((SIZE, SIZE))
    weights = [tape.gradient(each, white).numpy()[0].sum(axis=-1).astype(np.float64) for each in seen]
    return [((weight * rows).sum() / weight.sum(), (weight * columns).sum() / weight.sum()) for weight in weights]


@pytest.mark.parametrize("name", SMALL)
def test_features_are_centred_where_the_shift_says(name: str) -> None:
    _, backbone = small(name)
    network = averaging_fcn4(name)
    places, expected = [], []
    for stride in STRIDES:
        layer = backbone.features[stride]._keras_history.operation.name
        place = (SIZE // 2 // stride, SIZE // 2 // stride - 1)
        places.append((network.get_layer(layer).output, place))
        expected.append([stride * index + backbone.shift * (stride - 1) for index in place])
    errors = np.abs(np.array(centres_of_gradients(network, places)) - expected).max(axis=1)
    assert (errors <= 0.02 * np.array(STRIDES)).all(), errors


@pytest.mark.parametrize("name", SMALL)
def test_each_pixels_scores_look_at_this_pixel(name: str) -> None:
    network = averaging_fcn4(name)
    pixels = [(SIZE // 2 - 2, SIZE // 2 + 9), (SIZE // 2 - 15, SIZE // 2 - 8)]
    centres = centres_of_gradients(network, [(network.output, pixel) for pixel in pixels])
    np.testing.assert_allclose(centres, pixels, atol=0.5)


@pytest.mark.parametrize("name", SMALL)
def test_the_five_blocks_are_its_layers_in_order(name: str) -> None:
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
def test_parameters_are_those_published(name: str, published_millions: float | None) -> None:
    """Published with the classifier of 1,000 classes: https://keras.io/api/applications/, "Parameters".

    VGG-16's classifier has three layers: its 138.4 M are 14,714,688 of convolutions (Simonyan and Zisserman 2015,
    table 1, column D: the sum of 9 × inputs × outputs + outputs) and those of the fully connected layers.
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


def test_features_have_the_stride_of_the_padded_image() -> None:
    for name in SMALL:
        images, backbone = small(name)
        for stride in STRIDES:
            features = keras.Model(images, backbone.features[stride])(np.zeros((1, 33, 70, 3)))
            assert tuple(features.shape[1:3]) == (64 // stride, 96 // stride)


def test_vgg16_has_keras_applications_layers() -> None:
    reference = keras.applications.VGG16(include_top=False, weights=None)
    _, backbone = small("vgg16")
    assert [name for block in backbone.blocks for name in block] == [
        layer.name for layer in reference.layers if layer.weights
    ]


def test_unknown_backbones_and_options_are_refused() -> None:
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
def test_networks_tell_their_backbones_blocks(name: str) -> None:
    network = create_network(name, image_size=32, num_classes=2, backbone="mobilenet", alpha=0.25)
    assert backbone_blocks(network) == small("mobilenet")[1].blocks
    assert backbone_blocks(create_network("unet", image_size=32, num_classes=2, width=2, depth=1)) == ()


@pytest.mark.parametrize("name", ["fcn8", "unet"])
def test_frozen_normalisation_keeps_its_statistics_also_after_loading(name: str, tmp_path: Any) -> None:
    def statistics_move(network: keras.Model, layer: str) -> bool:
        before = network.get_layer(layer).moving_mean.numpy()
        network(np.full((2, 32, 32, 3), 99.0, np.float32), training=True)
        return bool((network.get_layer(layer).moving_mean.numpy() != before).any())

    options = {"backbone": "mobilenet", "alpha": 0.25, **({"width": 4} if name == "unet" else {})}
    network = create_network(name, image_size=32, num_classes=2, freeze_batch_normalization=True, **options)
    network.save(tmp_path / "network.keras")
    for frozen in (network, keras.saving.load_model(tmp_path / "network.keras")):
        assert not statistics_move(frozen, "conv1_bn")
        assert not statistics_move(frozen, "conv_pw_13_bn")
        assert frozen.get_layer("conv_pw_13").trainable
    assert statistics_move(create_network(name, image_size=32, num_classes=2, **options), "conv1_bn")
