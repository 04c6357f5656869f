"""Keras' `fit` on tensors in memory, for comparison: with Keras' own optimiser and loss, and nothing else."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def step_ends(
    network: Any, images: NDArray[np.uint8], classes: NDArray[np.uint8], batch: int, optimizer: Literal["sgd", "adamw"]
) -> list[float]:
    """Trains one epoch; returns the times at which the steps ended, in seconds of the monotonic clock.

    Args:
        network: a Keras model, images [batch, size, size, 3] → scores [batch, size, size, classes].
        images: uint8 [images, size, size, 3].
        classes: uint8 [images, size, size], class ids, 255 for void.
        batch: images per step.
        optimizer: Keras' own, with the settings that the trainer has by default.
    """
    import keras

    network.compile(
        keras.optimizers.SGD(1e-6, momentum=0.9, nesterov=True)
        if optimizer == "sgd"
        else keras.optimizers.AdamW(1e-6, weight_decay=1e-4),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=255),
    )
    ends: list[float] = []
    clock = keras.callbacks.LambdaCallback(on_train_batch_end=lambda *_, **__: ends.append(time.monotonic()))
    network.fit(images.astype(np.float32), classes, batch_size=batch, verbose=0, callbacks=[clock])
    return ends
