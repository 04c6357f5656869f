"""Trains one network on the records."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Mapping
from typing import Any

import keras
from etils import epath

from components.record_artifacts import TRAIN_SPLIT, VAL_SPLIT, Records
from components.segmentation_trainer.input_pipeline import evaluation_batches, training_batches
from components.segmentation_trainer.losses import cross_entropy
from components.segmentation_trainer.training_config import TrainingConfig
from components.segmentation_trainer.training_metrics import MeanIoU, PixelAccuracy

StepListener = Callable[[int, int, int, Mapping[str, float]], None]
"""Called with the epoch (from 1), the step, the steps an epoch, and the figures so far."""


class TrainingError(RuntimeError):
    """A training that can't go on; the message says what to try."""


@dataclasses.dataclass(frozen=True)
class TrainingResult:
    """What a training came to; the network holds the best epoch's weights.

    Attributes:
        history: metric → its value at the end of each epoch.
        seconds: how long it took.
    """

    history: dict[str, list[float]]
    seconds: float


def train(
    network: keras.Model, records: Records, config: TrainingConfig, weights_file: epath.Path, on_step: StepListener
) -> TrainingResult:
    """Trains a network and leaves the best epoch's weights in it.

    Args:
        network: a network of the contract in `networks`.
        records: with the splits train and val.
        config: how to train.
        weights_file: where the best epoch's weights are kept, `.weights.h5`.
        on_step: told of every step.

    Raises:
        TrainingError: the loss is no longer a number.
    """
    image_size, channels = records.image_size, len(records.class_names)
    batches = training_batches(
        records.files[TRAIN_SPLIT],
        image_size,
        channels,
        batch_size=config.batch_size,
        horizontal_flip=config.horizontal_flip,
        seed=config.seed,
    )
    validation = evaluation_batches(records.files[VAL_SPLIT], image_size, channels, batch_size=config.batch_size)
    steps = int(batches.cardinality())
    network.compile(
        optimizer=make_optimizer(config, steps),
        loss=cross_entropy,
        metrics=[MeanIoU(channels), PixelAccuracy(channels)],
    )
    weights_file.parent.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    history = network.fit(
        batches,
        validation_data=validation,
        epochs=config.epochs,
        shuffle=False,  # the dataset shuffles itself
        verbose=0,
        callbacks=[
            _StepReporter(config.epochs, steps, on_step),
            keras.callbacks.ModelCheckpoint(
                str(weights_file), monitor=config.monitor, mode="max", save_best_only=True, save_weights_only=True
            ),
        ],
    )
    network.load_weights(str(weights_file))
    return TrainingResult(history.history, time.monotonic() - started)


def make_optimizer(config: TrainingConfig, steps_per_epoch: int) -> keras.optimizers.Optimizer:
    """Makes the optimiser with its learning-rate schedule."""
    rate: Any = config.learning_rate
    warmup_steps = round(config.warmup_epochs * steps_per_epoch)
    if config.schedule == "cosine":
        total_steps = config.epochs * steps_per_epoch
        rate = keras.optimizers.schedules.CosineDecay(
            0.0 if warmup_steps else config.learning_rate,
            decay_steps=max(1, total_steps - warmup_steps),
            warmup_target=config.learning_rate if warmup_steps else None,
            warmup_steps=warmup_steps,
        )
    elif warmup_steps:
        rate = keras.optimizers.schedules.PolynomialDecay(0.0, warmup_steps, config.learning_rate, power=1.0)
    if config.optimizer == "sgd":
        return keras.optimizers.SGD(rate, momentum=0.9, nesterov=True, weight_decay=config.weight_decay or None)
    return keras.optimizers.AdamW(rate, weight_decay=config.weight_decay)


class _StepReporter(keras.callbacks.Callback):
    """Reports each step and stops at a loss that is not a number."""

    def __init__(self, epochs: int, steps: int, on_step: StepListener):
        super().__init__()
        self._epochs, self._steps, self._on_step = epochs, steps, on_step
        self._epoch = 1

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._epoch = epoch + 1

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if not math.isfinite(logs["loss"]):
            raise TrainingError(
                f"the loss is {logs['loss']} at step {batch + 1} of epoch {self._epoch}: "
                "try a lower learning_rate, a longer warmup_epochs or batch_normalization."
            )
        self._on_step(self._epoch, batch + 1, self._steps, logs)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._on_step(self._epoch, self._steps, self._steps, logs)
