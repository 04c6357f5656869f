"""Trains one network on the records, or resumes its training."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING

import keras

from components.run_files import CURVES_FILE
from components.training.background import BackgroundWriter
from components.training.callbacks import make_callbacks
from components.training.compilation import make_compiled_network
from components.training.distribution import distribute_batches
from components.training.history import History, draw_curves, write_history
from components.training.image_batches import ImageBatches
from components.training.input_pipeline import steps_per_epoch
from components.training.step_reports import Callbacks, StepReporter

if TYPE_CHECKING:
    from collections.abc import Callable

    import tensorflow as tf
    from etils import epath

    from components.training.config import TrainingConfig
    from components.training.feature_cache import FeatureCache
    from components.training.resumption import TrainingFolder
    from components.training.step_reports import StepListener
    from tfds_voc_seg.records.files import Records


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
    cache: FeatureCache | None = None,
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
        cache: keeps the features of the frozen part; needed if `config.cached_images` is set.

    Returns:
        The network with the weights of the best epoch, and the outcome.

    Raises:
        ValueError: the network cannot be created, the configuration does not fit the network or the records, or the
            features of the frozen part cannot be kept.
        TrainingError: the loss is not finite.
    """
    images = ImageBatches.of_records(records, config)
    steps = steps_per_epoch(images.train_images, config.batch_size)
    keras.utils.set_random_seed(config.seed)
    network = make_compiled_network(make_network, records, config, strategy, steps)
    trained = network.trained

    started = time.monotonic()
    state = folder.read()
    history: History = state.history if state else {}
    finished_epochs = state.epochs if state else 0
    if state:
        folder.resume(trained, state)
    if not (state and state.finished):
        epochs = range(finished_epochs, config.epochs)
        if network.frozen is None:
            training = distribute_batches(strategy, lambda context: images.training(epochs, context))
            validation = distribute_batches(strategy, images.validation)
        elif cache is None:
            raise ValueError("training.cached_images needs a folder for the features")
        else:
            features = cache.complete(network.frozen, images)
            training, validation = features.training(epochs), features.validation()
        with BackgroundWriter() as background:
            callbacks = make_callbacks(records, config, history, model_run, folder, background, network.whole)
            trained.fit(
                training,
                steps_per_epoch=steps,
                validation_data=validation,
                validation_steps=steps_per_epoch(images.val_images, config.batch_size),
                initial_epoch=finished_epochs,
                epochs=config.epochs,
                shuffle=False,  # the dataset shuffles itself
                verbose=0,
                callbacks=Callbacks(callbacks, StepReporter(steps, on_step), trained, config.epochs),
            )

    write_history(history, model_run)  # here too, because a training that was already finished calls no callbacks
    draw_curves({"": history}, model_run / CURVES_FILE)
    folder.load_best(trained)
    if config.ema_momentum is not None:
        trained.optimizer.finalize_variable_values(trained.trainable_variables)
    return network.whole, TrainingResult(history, time.monotonic() - started)
