"""Trains one network on the records, or resumes its training."""

from __future__ import annotations

import dataclasses
import functools
import time
from typing import TYPE_CHECKING

import keras

from components.run_files import CURVES_FILE
from components.training.background import BackgroundWriter
from components.training.background_classes import learned_class_pixels, make_decoder
from components.training.callbacks import make_callbacks
from components.training.compilation import make_compiled_network
from components.training.cropping import DEFAULT_RARE_CROPS, RandomCrop, count_windows
from components.training.distribution import distribute_batches
from components.training.history import History, draw_curves, write_history
from components.training.input_pipeline import count_records, evaluation_batches, steps_per_epoch, training_batches
from components.training.step_reports import Callbacks, StepReporter
from tfds_voc_seg.records.files import TRAIN_SPLIT, VAL_SPLIT, Records

if TYPE_CHECKING:
    from collections.abc import Callable

    import tensorflow as tf
    from etils import epath

    from components.training.config import TrainingConfig
    from components.training.resumption import TrainingFolder
    from components.training.step_reports import StepListener


@dataclasses.dataclass(frozen=True)
class TrainingResult:
    """The outcome of a training.

    Attributes:
        history: metric → its value at the end of each epoch.
        seconds: duration, without the epochs before a resumption.
    """

    history: History
    seconds: float


def train(
    make_network: Callable[[], keras.Model],
    records: Records,
    config: TrainingConfig,
    strategy: tf.distribute.Strategy,
    model_run: epath.Path,
    folder: TrainingFolder,
    on_step: StepListener,
) -> tuple[keras.Model, TrainingResult]:
    """Trains a network; resumes after the last finished epoch if the folder holds the state of an earlier training.

    Args:
        make_network: creates a network that keeps the contract in `components.networks`.
        records: with the splits train and val.
        config: how to train.
        strategy: where to train.
        model_run: receives the history as JSON, CSV and picture, and TensorBoard's logs.
        folder: stores the state after each epoch.
        on_step: called after every step.

    Returns:
        The network with the weights of the best epoch, and the outcome.

    Raises:
        ValueError: the network cannot be created, or the configuration does not fit the network or the records.
        TrainingError: the loss is not finite.
    """
    train_records = count_records(records.files[TRAIN_SPLIT])
    crop = _random_crop(records, config)
    windows = None if crop is None else crop.sides
    val_files = records.files[VAL_SPLIT]
    val_records = count_windows(val_files, records.geometry) if windows else count_records(val_files)
    steps = steps_per_epoch(train_records, config.batch_size)
    keras.utils.set_random_seed(config.seed)
    network = make_compiled_network(make_network, records, config, strategy, steps)

    started = time.monotonic()
    state = folder.read()
    history: History = state.history if state else {}
    finished_epochs = state.epochs if state else 0
    if state:
        folder.resume(network, state)
    if not (state and state.finished):
        decode = make_decoder(records, config)
        train_batches = functools.partial(
            training_batches,
            records.files[TRAIN_SPLIT],
            decode,
            batch_size=config.batch_size,
            augmentation=config.augmentation,
            seed=config.seed,
            epochs=range(finished_epochs, config.epochs),
            records=train_records,
            crop=crop,
        )
        val_batches = functools.partial(
            evaluation_batches,
            records.files[VAL_SPLIT],
            decode,
            batch_size=config.batch_size,
            records=val_records,
            windows=windows,
        )
        with BackgroundWriter() as background:
            callbacks = make_callbacks(records, config, history, model_run, folder, background)
            network.fit(
                distribute_batches(strategy, lambda context: train_batches(context=context)),
                steps_per_epoch=steps,
                validation_data=distribute_batches(strategy, lambda context: val_batches(context=context)),
                validation_steps=steps_per_epoch(val_records, config.batch_size),
                initial_epoch=finished_epochs,
                epochs=config.epochs,
                shuffle=False,  # the dataset shuffles itself
                verbose=0,
                callbacks=Callbacks(callbacks, StepReporter(steps, on_step), network, config.epochs),
            )

    write_history(history, model_run)  # here too, because a training that was already finished calls no callbacks
    draw_curves({"": history}, model_run / CURVES_FILE)
    folder.load_best(network)
    if config.ema_momentum is not None:
        network.optimizer.finalize_variable_values(network.trainable_variables)
    return network, TrainingResult(history, time.monotonic() - started)


def _random_crop(records: Records, config: TrainingConfig) -> RandomCrop | None:
    """Returns the crops to train on; `None` if the records' images have the network's size."""
    if records.geometry.resize != "crop":
        return None
    rare = config.augmentation.rare_crops
    pixels = learned_class_pixels(records, config)
    return RandomCrop(records.geometry.sides, pixels, DEFAULT_RARE_CROPS if rare is None else rare)
