"""Reports the steps of Keras' `fit` without waiting for each of them.

A GPU computes while Python prepares the next step, until Python reads a number that the step computes. Keras reads all
metrics after each step, if any callback looks at steps.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import keras

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

StepListener = Callable[[int, int, int, Mapping[str, float]], None]
"""Called with the epoch (from 1), the step (from 1), the steps per epoch, and the metrics as they were last read."""

READING_SECONDS = 0.5
"""The metrics are read no more often than this, and at the end of each epoch."""


class TrainingError(RuntimeError):
    """A training cannot continue; the message says which settings to try."""


class StepReporter(keras.callbacks.Callback):
    """Reports each step, and raises `TrainingError` if the loss is not finite.

    The loss that Keras reports is the mean over the epoch's steps so far: once it is not finite, it stays so until the
    end of the epoch, where it is read before the validation and before the state is written.

    Args:
        steps: steps per epoch.
        on_step: called after every step.
        settings: the configuration section of this training, for the error message.
        normalization: the setting that turns batch normalisation on, for the error message.
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
        self._epoch, self._last_reading = 1, -math.inf
        self._metrics: dict[str, float] = {}

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: D102, ARG002 (Keras' signature)
        self._epoch, self._last_reading = epoch + 1, -math.inf

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: D102
        if batch + 1 == self._steps or time.monotonic() - self._last_reading >= READING_SECONDS:
            self._read(batch + 1, logs)
        self._on_step(self._epoch, batch + 1, self._steps, self._metrics)

    def _read(self, step: int, logs: Mapping[str, Any]) -> None:
        self._metrics = dict(_numbers(logs))
        self._last_reading = time.monotonic()
        loss = self._metrics["loss"]
        if not math.isfinite(loss):
            raise TrainingError(
                f"the loss is {loss} at step {step} of epoch {self._epoch}: try a lower "
                f"{self._settings}.learning_rate, a longer {self._settings}.warmup_epochs, "
                f"a {self._settings}.clip_norm such as 1, or {self._normalization}"
            )

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: D102, ARG002 (Keras' signature)
        self._on_step(self._epoch, self._steps, self._steps, logs)


def _numbers(logs: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Reads the metrics of a step, in which those of one Keras metric with several results are a mapping."""
    for name, value in logs.items():
        if isinstance(value, Mapping):
            yield from _numbers(value)
        else:
            yield name, float(value)


class Callbacks(keras.callbacks.CallbackList):
    """Callbacks for Keras' `fit`, which calls only the reporter after each step, with metrics that it has not read.

    The other callbacks do nothing of use after a step: TensorBoard would only convert each metric to discard it.

    Args:
        callbacks: called at the begin and end of epochs, in this order.
        reporter: called after all others, and after each step.
        network: the network to train.
    """

    def __init__(
        self, callbacks: Sequence[keras.callbacks.Callback], reporter: StepReporter, network: keras.Model, epochs: int
    ):
        super().__init__([*callbacks, reporter], add_history=True, model=network, epochs=epochs)
        self._reporter = reporter

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: D102
        self._reporter.on_train_batch_end(batch, logs)
