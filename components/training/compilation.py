"""A network made ready for Keras' `fit`: frozen blocks, precision, optimiser, loss and metrics."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import tensorflow as tf

from components.networks import backbone_blocks
from components.networks.frozen_part import split_network
from components.networks.pixel_stride import with_pixel_stride
from components.networks.precision import dtype_policy
from components.training.background_classes import learned_class_names, learned_class_pixels
from components.training.distribution import patch_distributed_fit
from components.training.loss_config import MEDIAN_FREQUENCY, resolve_class_weights
from components.training.losses import Loss, make_loss
from components.training.metrics import TrainingMetrics
from components.training.optimizers import make_optimizer

if TYPE_CHECKING:
    from collections.abc import Callable

    import keras

    from components.training.config import TrainingConfig
    from tfds_voc_seg.records.files import Records


@dataclasses.dataclass(frozen=True)
class CompiledNetwork:
    """A network for a training.

    Attributes:
        whole: the network.
        trained: the compiled model, which shares the network's layers: scores at every `pixel_stride`-th pixel, from
            images or, if the frozen part is computed once, from its features.
        frozen: the part that is computed once; `None` if every step computes the whole network.
    """

    whole: keras.Model
    trained: keras.Model
    frozen: keras.Model | None


def make_compiled_network(
    make_network: Callable[[], keras.Model],
    records: Records,
    config: TrainingConfig,
    strategy: tf.distribute.Strategy,
    steps: int,
) -> CompiledNetwork:
    """Creates a network under the strategy and the configured precision, compiled and with its optimiser built.

    Args:
        make_network: creates a network that keeps the contract in `components.networks`.
        records: the records to train on.
        config: how to train.
        strategy: where to train.
        steps: optimiser steps per epoch.

    Raises:
        ValueError: the network cannot be created or has fewer blocks than are to be frozen, the class weights name an
            unknown class, the records do not store the classes of their background, the frozen part of the network
            cannot be computed once, or the network does not allow the pixel stride.
    """
    policy = "float32" if config.precision == "float32" else f"mixed_{config.precision}"
    with strategy.scope(), dtype_policy(policy):
        network = make_network()
        backbone_variables = _freeze(network, config.frozen_blocks)
        trained = with_pixel_stride(network, config.pixel_stride)
        split = split_network(trained) if config.cached_images else None
        trained = split.head if split else trained
        trained.compile(
            optimizer=make_optimizer(config, steps, backbone_variables),
            loss=_loss(records, config),
            metrics=[TrainingMetrics(records.class_names, by_matrix_product=bool(config.xla) or _has_gpu())],
            jit_compile="auto" if config.xla is None else config.xla,
        )
        trained.optimizer.build(trained.trainable_variables)
        patch_distributed_fit(trained, strategy)
    return CompiledNetwork(network, trained, split.frozen if split else None)


def _has_gpu() -> bool:
    return bool(tf.config.list_physical_devices("GPU"))


def _freeze(network: keras.Model, frozen_blocks: int) -> list[keras.Variable]:
    """Freezes the first blocks of the backbone; returns the trainable variables of its other blocks."""
    blocks = backbone_blocks(network)
    if frozen_blocks > len(blocks):
        raise ValueError(
            f"training.frozen_blocks is {frozen_blocks}, but the network lists {len(blocks)} backbone blocks"
        )
    for name in (name for block in blocks[:frozen_blocks] for name in block):
        network.get_layer(name).trainable = False
    return [variable for block in blocks for name in block for variable in network.get_layer(name).trainable_variables]


def _loss(records: Records, config: TrainingConfig) -> Loss:
    class_names, class_pixels = learned_class_names(records, config), None
    if config.class_weights == MEDIAN_FREQUENCY:
        class_pixels = learned_class_pixels(records, config)
    return make_loss(
        config.loss,
        class_weights=resolve_class_weights(config.class_weights, class_names, class_pixels),
        label_smoothing=config.label_smoothing,
        focal_gamma=config.focal_gamma,
    )
