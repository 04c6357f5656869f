"""Keras callbacks at the end of an epoch: the state, TensorBoard, early stopping."""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

from components.run_files import TENSORBOARD_FOLDER
from components.training.background_classes import merge_background
from components.training.cropping import covering_windows
from components.training.history import History, write_history
from components.training.resumption import snapshot
from tfds_voc_seg.pictures import overlay
from tfds_voc_seg.records.decoding import image_and_class_map
from tfds_voc_seg.records.files import VAL_SPLIT, Records
from tfds_voc_seg.tracing import without_autograph

if TYPE_CHECKING:
    from collections.abc import Sequence

    from etils import epath
    from numpy.typing import NDArray

    from components.training.background import BackgroundWriter
    from components.training.config import TrainingConfig
    from components.training.resumption import TrainingFolder
    from tfds_voc_seg.label_set import LabelSet

SHOWN_IMAGES = 4
"""The number of val images that TensorBoard shows."""


def make_callbacks(
    records: Records,
    config: TrainingConfig,
    history: History,
    model_run: epath.Path,
    folder: TrainingFolder,
    background: BackgroundWriter,
    whole: keras.Model,
) -> list[keras.callbacks.Callback]:
    """Makes the callbacks of a segmentation training, in the order in which Keras must call them.

    The averaged weights are swapped in before any callback uses the network, and the state is written after early
    stopping has decided.

    Args:
        records: with a val split.
        config: how to train.
        history: of the epochs before a resumption; the new epochs are appended to it.
        model_run: receives the history and TensorBoard's logs.
        folder: receives the state after each epoch.
        background: writes the state and the history.
        whole: the network, of which the trained model may be a part.
    """
    averaging = [keras.callbacks.SwapEMAWeights()] if config.ema_momentum is not None else []
    log_folder = str(model_run / TENSORBOARD_FOLDER)
    replayed: list[keras.callbacks.Callback] = [keras.callbacks.TensorBoard(log_folder, write_graph=False)]
    if config.early_stopping_patience:
        replayed.append(
            keras.callbacks.EarlyStopping(config.monitor, mode="max", patience=config.early_stopping_patience)
        )
    return [
        *averaging,
        *replayed,
        HistoryReplay(history, replayed),
        SamplePredictions(whole, log_folder, *_first_images(records), records.channels),
        StateWriter(folder, model_run, background, config.monitor, config.epochs, history),
    ]


class StateWriter(keras.callbacks.Callback):
    """Writes the state of the training and its history after each epoch.

    Keras' ModelCheckpoint and BackupAndRestore each write their own file, one after the other. If the process is killed
    in between, the file of the best weights does not match that of the last weights; hence one state for both.

    The variables are copied at the end of the epoch and written beside the next one.

    Args:
        folder: receives the state.
        model_run: receives the history as JSON and CSV.
        background: writes both.
        monitor: the metric whose highest value marks the best epoch.
        epochs: the number of epochs of the whole training.
        history: of the epochs before a resumption; the new epochs are appended to it.
    """

    def __init__(
        self,
        folder: TrainingFolder,
        model_run: epath.Path,
        background: BackgroundWriter,
        monitor: str,
        epochs: int,
        history: History,
    ):
        super().__init__()
        self._folder, self._model_run, self._background = folder, model_run, background
        self._monitor, self._epochs, self._history = monitor, epochs, history

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: D102
        best = max(self._history.get(self._monitor, []), default=-math.inf)
        for name, value in logs.items():
            self._history.setdefault(name, []).append(float(value))
        finished = epoch + 1 == self._epochs or bool(self.model.stop_training)
        is_best = logs[self._monitor] > best
        variables, history = snapshot(self.model), copy.deepcopy(self._history)

        def write() -> None:
            self._folder.write(variables, history, is_best=is_best, finished=finished)
            write_history(history, self._model_run)

        self._background.submit(write)


class HistoryReplay(keras.callbacks.Callback):
    """Passes the epochs before a resumption to other callbacks, as if they had seen these epochs."""

    def __init__(self, history: History, callbacks: Sequence[keras.callbacks.Callback]):
        super().__init__()
        self._history, self._callbacks = {name: list(values) for name, values in history.items()}, callbacks

    def on_train_begin(self, logs: Any = None) -> None:  # noqa: D102, ARG002 (Keras' signature)
        for epoch in range(len(self._history.get("loss", []))):
            for callback in self._callbacks:
                callback.on_epoch_end(epoch, {name: values[epoch] for name, values in self._history.items()})


class SamplePredictions(keras.callbacks.Callback):
    """Writes a few images to TensorBoard after each epoch: truth on the left, prediction on the right.

    Args:
        network: the network; the trained model may be a part of it.
        log_folder: TensorBoard's logs.
        images: uint8 [images, height, width, 3].
        truth: uint8 [images, height, width], class ids and `VOID`.
        channels: names and colours of the classes.
    """

    def __init__(
        self,
        network: keras.Model,
        log_folder: str,
        images: NDArray[np.uint8],
        truth: NDArray[np.uint8],
        channels: LabelSet,
    ):
        super().__init__()
        self._network = network
        self._images, self._truth, self._channels = images, truth, channels
        self._writer = tf.summary.create_file_writer(log_folder)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: D102, ARG002 (Keras' signature)
        scores = self._network(self._images.astype(np.float32), training=False)
        predicted = np.argmax(merge_background(scores, len(self._channels.names)), axis=-1).astype(np.uint8)
        pictures = [
            np.concatenate([overlay(image, classes, self._channels) for classes in pair], axis=1)
            for image, *pair in zip(self._images, self._truth, predicted, strict=True)
        ]
        with self._writer.as_default(step=epoch):
            tf.summary.image("truth and prediction", np.stack(pictures), max_outputs=len(pictures))
        self._writer.flush()


@without_autograph
def _first_images(records: Records) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Reads the first images of the val split and their class maps."""
    dataset = tf.data.TFRecordDataset(records.files[VAL_SPLIT]).take(SHOWN_IMAGES)
    decoded = dataset.map(lambda record: image_and_class_map(record, records.record_size, len(records.class_names)))
    if records.geometry.resize == "crop":  # the first window of each image
        sides = records.geometry.sides
        decoded = decoded.map(
            lambda image, classes: tuple(parts[0] for parts in covering_windows(image, classes, sides))
        )
    images, class_maps = zip(*decoded.as_numpy_iterator(), strict=True)
    return np.stack(images), np.stack(class_maps)
