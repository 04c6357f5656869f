"""Trains one network on the records."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from etils import epath

from components.networks import backbone_blocks
from components.run_files import CURVES_FILE, TENSORBOARD_FOLDER
from components.training.background_classes import image_and_learned_classes, learned_class_names
from components.training.callbacks import (
    Replay,
    SamplePredictions,
    StateWriter,
    StepListener,
    StepReporter,
    write_history,
)
from components.training.config import TrainingConfig
from components.training.curves import draw_curves
from components.training.distribution import distributed, mend_for_workers
from components.training.input_pipeline import Decoder, count_records, evaluation_batches, steps_of, training_batches
from components.training.loss_config import class_weights_of
from components.training.losses import make_loss
from components.training.metrics import SegmentationMetrics
from components.training.optimizers import make_optimizer
from components.training.resumption import History, TrainingFolder
from tfds_voc_seg.labels import VOID
from tfds_voc_seg.records.decoding import image_and_class_map
from tfds_voc_seg.records.files import TRAIN_SPLIT, VAL_SPLIT, Records
from tfds_voc_seg.records.pixel_counts import count_pixels

SHOWN_IMAGES = 4


@dataclasses.dataclass(frozen=True)
class TrainingResult:
    """What a training came to; the network holds the best epoch's weights.

    Attributes:
        history: metric → its value at the end of each epoch.
        seconds: how long it took, epochs before a resumption left out.
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
    """Trains a network, from where an earlier training in the same folder stopped.

    Args:
        make_network: makes a network of the contract in `networks`.
        records: with the splits train and val.
        config: how to train.
        strategy: where to train.
        model_run: gets the history as JSON, CSV and picture, and TensorBoard's logs.
        folder: keeps the state after each epoch.
        on_step: told of every step.

    Returns:
        The network with the best epoch's weights, and how it went.

    Raises:
        ValueError: the network can't be made, or has too few blocks to freeze.
        TrainingError: the loss is no longer a number.
    """
    files, decode = records.files, _decoder(records, config)
    counts = {split: count_records(files[split]) for split in (TRAIN_SPLIT, VAL_SPLIT)}
    steps = steps_of(counts[TRAIN_SPLIT], config.batch_size)
    keras.utils.set_random_seed(config.seed)
    with strategy.scope(), _precision(config):
        network = make_network()
        backbone = _freeze(network, config.frozen_blocks)
        network.compile(
            optimizer=make_optimizer(config, steps, backbone),
            loss=_loss(records, config),
            metrics=[SegmentationMetrics(records.class_names)],
            jit_compile="auto" if config.xla is None else config.xla,
        )
        network.optimizer.build(network.trainable_variables)
        mend_for_workers(network, strategy)

    started = time.monotonic()
    state = folder.read()
    history: History = state.history if state else {}
    if state:
        folder.resume(network, state)
    if not (state and state.finished):
        read = functools.partial(
            training_batches,
            files[TRAIN_SPLIT],
            decode,
            batch_size=config.batch_size,
            augmentation=config.augmentation,
            seed=config.seed,
            epochs=range(state.epochs if state else 0, config.epochs),
            records=counts[TRAIN_SPLIT],
        )
        read_val = functools.partial(
            evaluation_batches,
            files[VAL_SPLIT],
            decode,
            batch_size=config.batch_size,
            records=counts[VAL_SPLIT],
        )
        network.fit(
            distributed(strategy, lambda share: read(share=share)),
            steps_per_epoch=steps,
            validation_data=distributed(strategy, lambda share: read_val(share=share)),
            validation_steps=steps_of(counts[VAL_SPLIT], config.batch_size),
            initial_epoch=state.epochs if state else 0,
            epochs=config.epochs,
            shuffle=False,  # the dataset shuffles itself
            verbose=0,
            callbacks=_callbacks(records, config, steps, history, model_run, folder, on_step),
        )
    write_history(history, model_run)  # a training found finished has written none here
    draw_curves({"": history}, model_run / CURVES_FILE)
    folder.load_best(network)
    if config.ema_momentum is not None:
        network.optimizer.finalize_variable_values(network.trainable_variables)
    return network, TrainingResult(history, time.monotonic() - started)


def learned_classes(records: Records, config: TrainingConfig) -> tuple[str, ...]:
    """Names the classes that the network learns: the records' own, and where it is to learn them the background's.

    Raises:
        ValueError: the records don't tell what the background consists of.
    """
    if not config.learn_background_classes:
        return records.class_names
    if not records.background_classes:
        raise ValueError(
            "training.learn_background_classes: the records don't tell what their background consists of; "
            "convert them with background_classes"
        )
    return learned_class_names(records.class_names)


def _decoder(records: Records, config: TrainingConfig) -> Decoder:
    """Decodes a record to the classes that the network learns."""
    if config.learn_background_classes:
        return functools.partial(
            image_and_learned_classes, image_size=records.image_size, class_names=records.class_names
        )
    return functools.partial(image_and_class_map, image_size=records.image_size, channels=len(records.class_names))


def _callbacks(
    records: Records,
    config: TrainingConfig,
    steps: int,
    history: History,
    model_run: epath.Path,
    folder: TrainingFolder,
    on_step: StepListener,
) -> list[keras.callbacks.Callback]:
    """The callbacks in their order: the state is written last, when early stopping has spoken."""
    averaging = [keras.callbacks.SwapEMAWeights()] if config.ema_momentum is not None else []
    log_folder = str(model_run / TENSORBOARD_FOLDER)
    tensorboard = keras.callbacks.TensorBoard(log_folder, write_graph=False)
    replayed: list[keras.callbacks.Callback] = [tensorboard]
    if config.early_stopping_patience:
        replayed.append(
            keras.callbacks.EarlyStopping(config.monitor, mode="max", patience=config.early_stopping_patience)
        )
    return [
        *averaging,
        *replayed,
        Replay(history, replayed),
        SamplePredictions(log_folder, *_first_images(records), records.class_names),
        StateWriter(folder, model_run, config.monitor, config.epochs, history),
        StepReporter(steps, on_step),
    ]


def _first_images(records: Records) -> tuple[np.ndarray, np.ndarray]:
    """The first images of the val split and their class maps."""
    dataset = tf.data.TFRecordDataset(records.files[VAL_SPLIT]).take(SHOWN_IMAGES)
    decoded = dataset.map(lambda record: image_and_class_map(record, records.image_size, len(records.class_names)))
    images, class_maps = zip(*decoded.as_numpy_iterator(), strict=True)
    return np.stack(images), np.stack(class_maps)


def _loss(records: Records, config: TrainingConfig) -> Callable[[Any, Any], Any]:
    class_names, class_pixels = learned_classes(records, config), None
    if config.class_weights == "median_frequency":
        class_pixels = pixels_of_classes(records, config)
    weights = class_weights_of(config.class_weights, class_names, class_pixels)
    return make_loss(
        config.loss,
        class_weights=weights,
        label_smoothing=config.label_smoothing,
        focal_gamma=config.focal_gamma,
    )


def pixels_of_classes(records: Records, config: TrainingConfig) -> Sequence[int]:
    """Counts the train split's pixels of each class that is learnt; a record itself tells those of its own classes."""
    files = records.files[TRAIN_SPLIT]
    if not config.learn_background_classes:
        return count_pixels(files, len(records.class_names)).class_pixels
    class_maps = tf.data.TFRecordDataset(files).map(_decoder(records, config)).map(lambda _, classes: classes)
    pixels = np.zeros(VOID + 1, np.int64)
    for classes in class_maps.as_numpy_iterator():
        pixels += np.bincount(classes.ravel(), minlength=len(pixels))
    return pixels[: len(learned_classes(records, config))].tolist()


def _freeze(network: keras.Model, frozen_blocks: int) -> list[keras.Variable]:
    """Freezes the backbone's first blocks; gives the variables of the others."""
    blocks = backbone_blocks(network)
    if frozen_blocks > len(blocks):
        raise ValueError(
            f"training.frozen_blocks is {frozen_blocks}, but the network names {len(blocks)} backbone blocks"
        )
    for name in (name for block in blocks[:frozen_blocks] for name in block):
        network.get_layer(name).trainable = False
    return [variable for block in blocks for name in block for variable in network.get_layer(name).trainable_variables]


@contextlib.contextmanager
def _precision(config: TrainingConfig) -> Iterator[None]:
    """Has layers that are made inside compute in the configured precision; their weights stay float32."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32" if config.precision == "float32" else f"mixed_{config.precision}")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
