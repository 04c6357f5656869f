"""The reports of steps: what is read when, and a loss that is not finite."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.training import step_reports
from components.training.step_reports import READING_SECONDS, Callbacks, StepReporter, TrainingError

if TYPE_CHECKING:
    from collections.abc import Mapping

STEPS, EPOCHS = 4, 2


class Clock:
    """Time that passes only when a test says so."""

    seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(step_reports, "time", clock)
    return clock


class Metric:
    """A metric on a device, which counts how often it is read."""

    def __init__(self, value: float):
        self.value, self.readings = value, 0

    def __float__(self) -> float:
        self.readings += 1
        return self.value


def fit(reporter: StepReporter, *callbacks: keras.callbacks.Callback, bad_steps: tuple[int, ...] = ()) -> Any:
    """Trains a network of one weight; the loss of the bad steps is not a number."""
    numbers = np.ones((STEPS, 1), np.float32)
    numbers[list(bad_steps)] = np.nan
    network = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    network.compile("sgd", lambda _, number: tf.reduce_mean(number))
    every = Callbacks(callbacks, reporter, network, EPOCHS)
    return network.fit(numbers, numbers, batch_size=1, epochs=EPOCHS, shuffle=False, verbose=0, callbacks=every)


def test_the_metrics_are_read_at_the_first_and_last_step_and_now_and_then(clock: Clock) -> None:
    reports: list[tuple[int, float]] = []
    reporter = StepReporter(5, lambda _, step, __, metrics: reports.append((step, metrics["mean_iou"])))
    reporter.on_epoch_begin(0)
    losses = [Metric(loss) for loss in (5.0, 4.0, 3.0, 2.0, 1.0)]
    for step, loss in enumerate(losses):
        reporter.on_train_batch_end(step, {"loss": loss, "compile_metrics": {"mean_iou": loss}})
        clock.seconds += READING_SECONDS / 2
    assert [loss.readings for loss in losses] == [2, 0, 2, 0, 2]
    assert reports == [(1, 5.0), (2, 5.0), (3, 3.0), (4, 3.0), (5, 1.0)]


def test_keras_reads_no_metric_of_a_step_itself() -> None:
    received: list[Any] = []

    class Recorder(StepReporter):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            received.append(logs["loss"])
            super().on_train_batch_end(batch, logs)

    reports: list[tuple[int, int, int]] = []

    def on_step(epoch: int, step: int, steps: int, _: Mapping[str, float]) -> None:
        reports.append((epoch, step, steps))

    history = fit(Recorder(STEPS, on_step))
    assert len(received) == STEPS * EPOCHS
    assert all(tf.is_tensor(value) for value in received)
    steps = [*range(1, STEPS + 1), STEPS]  # and once at the end of the epoch, with the metrics of the validation
    assert reports == [(epoch, step, STEPS) for epoch in range(1, EPOCHS + 1) for step in steps]
    assert len(history.history["loss"]) == EPOCHS


@pytest.mark.parametrize("bad_step", range(STEPS))
@pytest.mark.usefixtures("clock")  # no time passes: between first and last step nothing is read
def test_a_loss_that_is_not_finite_ends_the_epoch_before_its_state_is_written(bad_step: int) -> None:
    ends: list[int] = []
    writer = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, _: ends.append(epoch))
    found_at = 1 if bad_step == 0 else STEPS
    with pytest.raises(TrainingError, match=rf"the loss is nan at step {found_at} of epoch 1: try a lower training"):
        fit(StepReporter(STEPS, lambda *_: None), writer, bad_steps=(bad_step,))
    assert not ends
