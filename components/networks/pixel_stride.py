"""A network's scores at every n-th pixel only, for a training whose loss does not need all of them.

Scores that are upsampled bilinearly by 4 or 8 differ little between neighbouring pixels, but a CPU spends more time on
the loss of all pixels than on the head that computes the scores.
"""

from __future__ import annotations

from typing import Any

import keras

from components.networks.alignment import BilinearUpsampling, CropToMatch


def first_pixel(pixel_stride: int) -> int:
    """Returns the row and column of the first pixel that counts: the middle of the first square of pixels."""
    return pixel_stride // 2


def kept_pixels(sides: tuple[int, int], pixel_stride: int) -> tuple[int, int]:
    """Returns how many rows and columns of an image of this height and width count."""
    height, width = (len(range(first_pixel(pixel_stride), side, pixel_stride)) for side in sides)
    return height, width


def with_pixel_stride(network: keras.Model, pixel_stride: int) -> keras.Model:
    """Creates a model with the layers of a network that computes its scores at every n-th row and column only.

    Args:
        network: its last layers are `BilinearUpsampling` and `CropToMatch`, as in FCN, DeepLabv3+, and U-Net with an
            output stride above 1; its input has a fixed size.
        pixel_stride: n; it divides the factor of the upsampling.

    Returns:
        A model whose scores are `network(images)[:, first_pixel(n)::n, first_pixel(n)::n]`; the network itself if n
        is 1.

    Raises:
        ValueError: the network ends in other layers, or n does not divide the factor.
    """
    if pixel_stride == 1:
        return network
    last, upsampling = _last_layers(network)
    if not (isinstance(last, CropToMatch) and isinstance(upsampling, BilinearUpsampling)):
        raise ValueError(
            f"training.pixel_stride: the network {network.name!r} does not upsample its scores; set it to 1"
        )
    if upsampling.stride % pixel_stride:
        raise ValueError(
            f"training.pixel_stride is {pixel_stride}, but must divide {upsampling.stride}, the factor by which the "
            f"network {network.name!r} upsamples its scores"
        )
    thinned = BilinearUpsampling(
        **{**upsampling.get_config(), "every": pixel_stride, "first": first_pixel(pixel_stride)}
    )
    scores = thinned(upsampling.input)
    kept = kept_pixels(network.output_shape[1:3], pixel_stride)
    below, beside = (computed - wanted for computed, wanted in zip(scores.shape[1:3], kept, strict=True))
    if below or beside:
        crop = keras.layers.Cropping2D(((0, below), (0, beside)), dtype="float32", name="crop_thinned")
        scores = crop(scores)
    return keras.Model(network.inputs[0], scores, name=network.name)


def _last_layers(network: keras.Model) -> tuple[Any, Any]:
    """Returns the layer that outputs the scores and the layer whose output it reads."""
    producers = {id(tensor): layer for layer in network.layers for tensor in keras.tree.flatten(layer.output)}
    last = producers.get(id(network.outputs[0]))
    inputs = keras.tree.flatten(last.input) if last is not None else []
    return last, producers.get(id(inputs[0])) if inputs else None
