"""What happens beside the optimiser's steps."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from etils import epath

from components.run_files import HISTORY_CSV, HISTORY_JSON
from components.training.background_classes import join_background
from components.training.resumption import History, TrainingFolder, as_json
from tfds_voc_seg.pictures import overlay

StepListener = Callable[[int, int, int, Mapping[str, float]], None]
"""Called with the epoch (from 1), the step, the steps an epoch, and the figures so far."""


class TrainingError(RuntimeError):
    """A training that can't go on; the message says what to try."""


class StepReporter(keras.callbacks.Callback):
    """Reports each step and stops at a loss that is not a number.

    `settings` is where the training's settings are in a run's configuration, `normalization` the one that switches
    batch normalisation on: what the message names.
    """

    def __init__(
        self,
        steps: int,
        on_step: StepListener,
        *,
        settings: str = "training",
        normalization: str = "batch_normalization in the network's options",
    ):
        super().__init__()
        self._steps, self._on_step = steps, on_step
        self._settings, self._normalization = settings, normalization
        self._epoch = 1

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: D102
        self._epoch = epoch + 1

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: D102
        if not math.isfinite(logs["loss"]):
            raise TrainingError(
                f"the loss is {float(logs['loss'])} at step {batch + 1} of epoch {self._epoch}: try a lower "
                f"{self._settings}.learning_rate, a longer {self._settings}.warmup_epochs, "
                f"a {self._settings}.clip_norm such as 1, or {self._normalization}"
            )
        self._on_step(self._epoch, batch + 1, self._steps, logs)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: D102
        self._on_step(self._epoch, self._steps, self._steps, logs)


class StateWriter(keras.callbacks.Callback):
    """Keeps the state after each epoch, and the history as JSON and CSV.

    Keras' ModelCheckpoint and BackupAndRestore write files of their own, one after the other: a kill between the two
    leaves a best that belongs to another epoch than the last. Hence one state.
    """

    def __init__(self, folder: TrainingFolder, model_run: epath.Path, monitor: str, epochs: int, history: History):
        super().__init__()
        self._folder, self._model_run, self._monitor, self._epochs = folder, model_run, monitor, epochs
        self.history = history

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: D102
        best = max(self.history.get(self._monitor, []), default=-math.inf)
        for name, value in logs.items():
            self.history.setdefault(name, []).append(float(value))
        finished = epoch + 1 == self._epochs or bool(self.model.stop_training)
        is_best = logs[self._monitor] > best
        self._folder.write(self.model, self.history, is_best=is_best, finished=finished)
        write_history(self.history, self._model_run)


class Replay(keras.callbacks.Callback):
    """Tells callbacks of the epochs before a resumption, as if they had seen them."""

    def __init__(self, history: History, callbacks: Sequence[keras.callbacks.Callback]):
        super().__init__()
        self._history, self._callbacks = {name: list(values) for name, values in history.items()}, callbacks

    def on_train_begin(self, logs: Any = None) -> None:  # noqa: D102
        for epoch in range(len(self._history.get("loss", []))):
            for callback in self._callbacks:
                callback.on_epoch_end(epoch, {name: values[epoch] for name, values in self._history.items()})


class SamplePredictions(keras.callbacks.Callback):
    """Shows TensorBoard a few images after each epoch: truth on the left, prediction on the right."""

    def __init__(self, log_folder: str, images: np.ndarray, truth: np.ndarray, class_names: Sequence[str]):
        super().__init__()
        self._images, self._truth, self._class_names = images, truth, class_names
        self._writer = tf.summary.create_file_writer(log_folder)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: D102
        scores = self.model(self._images.astype(np.float32), training=False)
        predicted = np.argmax(join_background(scores, len(self._class_names)), axis=-1).astype(np.uint8)
        pictures = [
            np.concatenate([overlay(image, classes, self._class_names) for classes in pair], axis=1)
            for image, *pair in zip(self._images, self._truth, predicted, strict=True)
        ]
        with self._writer.as_default(step=epoch):
            tf.summary.image("truth and prediction", np.stack(pictures), max_outputs=len(pictures))
        self._writer.flush()


def write_history(history: History, model_run: epath.Path) -> None:
    """Writes a history as JSON (absent classes `null`) and CSV (a row an epoch)."""
    shown = as_json(history)
    model_run.mkdir(parents=True, exist_ok=True)
    (model_run / HISTORY_JSON).write_text(json.dumps(shown, indent=2))
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(["epoch", *shown])
    rows.writerows([epoch, *values] for epoch, values in enumerate(zip(*shown.values(), strict=True), start=1))
    (model_run / HISTORY_CSV).write_text(table.getvalue())
