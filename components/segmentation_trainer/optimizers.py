"""Optimisers and learning-rate schedules."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import keras

from components.segmentation_trainer.training_config import TrainingConfig

POLY_POWER = 0.9
"""Chen et al., "DeepLab", TPAMI 2018, section 4.1.1."""

UNDECAYED = ("bias", "gamma", "beta")
"""Weights without decay: He et al., "Bag of Tricks for Image Classification", CVPR 2019, section 3.1."""


@keras.saving.register_keras_serializable("vocseg")
class WarmUp(keras.optimizers.schedules.LearningRateSchedule):
    """A linear rise to the peak, then another schedule from its start."""

    def __init__(self, peak: float, warmup_steps: int, following: keras.optimizers.schedules.LearningRateSchedule):
        self._peak, self._warmup_steps, self._following = peak, warmup_steps, following

    def __call__(self, step: Any) -> Any:
        """Gives the learning rate of a step, counted from 0."""
        step = keras.ops.cast(step, "float32")
        rising = self._peak * (step + 1) / max(1, self._warmup_steps)
        following = self._following(keras.ops.maximum(0.0, step - self._warmup_steps))
        return keras.ops.where(step < self._warmup_steps, rising, following)

    def get_config(self) -> dict[str, Any]:  # noqa: D102
        return {"peak": self._peak, "warmup_steps": self._warmup_steps, "following": self._following}


def make_schedule(config: TrainingConfig, steps_per_epoch: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """Makes the learning rate as a function of the step.

    Args:
        config: how to train.
        steps_per_epoch: optimiser steps an epoch.
    """
    schedules = keras.optimizers.schedules
    peak, warmup_steps = config.learning_rate, round(config.warmup_epochs * steps_per_epoch)
    decay_steps = max(1, config.epochs * steps_per_epoch - warmup_steps)
    if config.schedule == "cosine":
        following = schedules.CosineDecay(peak, decay_steps)
    else:
        power, end = (POLY_POWER, 0.0) if config.schedule == "poly" else (1.0, peak)
        following = schedules.PolynomialDecay(peak, decay_steps, end_learning_rate=end, power=power)
    return WarmUp(peak, warmup_steps, following)


def make_optimizer(
    config: TrainingConfig, steps_per_epoch: int, backbone_variables: Collection[keras.Variable] = ()
) -> keras.optimizers.Optimizer:
    """Makes the optimiser with its schedule.

    Args:
        config: how to train.
        steps_per_epoch: optimiser steps an epoch.
        backbone_variables: those whose learning rate is multiplied by `backbone_learning_rate_factor`.
    """
    kind = keras.optimizers.SGD if config.optimizer == "sgd" else keras.optimizers.AdamW
    arguments: dict[str, Any] = {
        "learning_rate": make_schedule(config, steps_per_epoch),
        "weight_decay": config.weight_decay,
        "global_clipnorm": config.clip_norm,
        "use_ema": config.ema_momentum is not None,
        "ema_momentum": config.ema_momentum or 0.0,
    }
    if config.optimizer == "sgd":
        arguments.update(momentum=config.momentum, nesterov=config.momentum > 0)
    if config.backbone_learning_rate_factor == 1.0:
        optimizer = kind(**arguments)
    else:
        optimizer = _with_factor(kind)(config.backbone_learning_rate_factor, backbone_variables, **arguments)
    optimizer.exclude_from_weight_decay(var_names=UNDECAYED)
    return optimizer


def _with_factor(kind: type[keras.optimizers.Optimizer]) -> type[keras.optimizers.Optimizer]:
    """An optimiser with a learning-rate factor for some variables, which Keras has no setting for."""

    class WithFactor(kind):  # type: ignore[valid-type,misc]
        def __init__(self, factor: float, variables: Collection[keras.Variable], **arguments: Any):
            super().__init__(name=kind.__name__.lower(), **arguments)
            self._factor, self._slower = factor, {self._var_key(variable) for variable in variables}

        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            slower = self._var_key(variable) in self._slower
            super().update_step(gradient, variable, learning_rate * (self._factor if slower else 1.0))

    return WithFactor
