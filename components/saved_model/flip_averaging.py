"""Test-time augmentation inside a network: the average over an image and its mirror image."""

from __future__ import annotations

import math

import keras


def with_flip_averaging(network: keras.Model) -> keras.Model:
    """Makes a network that averages another one's class probabilities over an image and its mirror image.

    It shares the other's weights and takes twice its time. Source: averaging a classifier over the horizontal flips
    of its input, Krizhevsky, Sutskever, Hinton, "ImageNet Classification with Deep Convolutional Neural Networks",
    NIPS 2012, section 4.1; for segmentation, Chen et al., "Encoder-Decoder with Atrous Separable Convolution", ECCV
    2018, section 4.1.

    Args:
        network: images [batch, height, width, 3] → linear scores [batch, height, width, classes], of any dtype policy.

    Returns:
        A network of the same input and output; its scores, float32, are the logarithms of the averaged probabilities,
        so that their softmax is these.
    """
    images = keras.Input(network.input_shape[1:], name="image")
    straight, mirrored = (
        keras.ops.log_softmax(keras.ops.cast(scores, "float32"))
        for scores in (network(images), keras.ops.flip(network(keras.ops.flip(images, axis=2)), axis=2))
    )
    averaged = keras.ops.logaddexp(straight, mirrored) - math.log(2)
    return keras.Model(images, averaged, name=network.name)
