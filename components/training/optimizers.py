"""Optimisers and learning-rate schedules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

if TYPE_CHECKING:
    from collections.abc import Collection

    from components.training.config import TrainingConfig

POLY_POWER = 0.9
"""Chen et al., "DeepLab", TPAMI 2018, section 4.1.1."""

NO_WEIGHT_DECAY = ("bias", "gamma", "beta")
"""Variables without weight decay: He et al., "Bag of Tricks for Image Classification", CVPR 2019, section 3.1."""


@keras.saving.register_keras_serializable("vocseg")
class WarmUp(keras.optimizers.schedules.LearningRateSchedule):
    """Increases the learning rate linearly to the peak, then follows another schedule from its start."""

    def __init__(self, peak: float, warmup_steps: int, following: keras.optimizers.schedules.LearningRateSchedule):
        self._peak, self._warmup_steps, self._following = peak, warmup_steps, following

    def __call__(self, step: Any) -> Any:
        """Computes the learning rate of a step, counted from 0."""
        step = keras.ops.cast(step, "float32")
        rising = self._peak * (step + 1) / max(1, self._warmup_steps)
        following = self._following(keras.ops.maximum(0.0, step - self._warmup_steps))
        return keras.ops.where(step < self._warmup_steps, rising, following)

    def get_config(self) -> dict[str, Any]:  # noqa: D102
        return {"peak": self._peak, "warmup_steps": self._warmup_steps, "following": self._following}


def make_schedule(config: TrainingConfig, steps_per_epoch: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """Makes the learning-rate schedule: warm-up, then the configured decay.

    Args:
        config: how to train.
        steps_per_epoch: optimiser steps per epoch.
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
    """Makes the optimiser with its learning-rate schedule, weight decay and moving average.

    Args:
        config: how to train.
        steps_per_epoch: optimiser steps per epoch.
        backbone_variables: the variables whose learning rate is multiplied by `backbone_learning_rate_factor`.
    """
    arguments: dict[str, Any] = {
        "decay": config.weight_decay,
        "factor": config.backbone_learning_rate_factor,
        "scaled_variables": backbone_variables,
        "learning_rate": make_schedule(config, steps_per_epoch),
        "global_clipnorm": config.clip_norm,
        "use_ema": config.ema_momentum is not None,
        "ema_momentum": config.ema_momentum or 0.0,
    }
    kind = _SGD if config.optimizer == "sgd" else _Adam
    if config.optimizer == "sgd":
        arguments.update(momentum=config.momentum, nesterov=config.momentum > 0)
    optimizer = _with_decay_and_factor(kind)(**arguments)
    optimizer.exclude_from_weight_decay(var_names=NO_WEIGHT_DECAY)
    return optimizer


class _Adam(keras.optimizers.Adam):
    """Keras' Adam in one fused TensorFlow operation instead of about 15 passes over the weights."""

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        index, step = self._get_variable_index(variable), tf.cast(self.iterations + 1, variable.dtype)
        beta_1, beta_2 = tf.cast(self.beta_1, variable.dtype), tf.cast(self.beta_2, variable.dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=beta_1**step,
            beta2_power=beta_2**step,
            lr=tf.cast(learning_rate, variable.dtype),
            beta1=beta_1,
            beta2=beta_2,
            epsilon=tf.cast(self.epsilon, variable.dtype),
            grad=tf.cast(gradient, variable.dtype),
        )


class _SGD(keras.optimizers.SGD):
    """Keras' SGD with momentum in one fused TensorFlow operation, which takes a third of the time."""

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        if not self.momentum:
            super().update_step(gradient, variable, learning_rate)
            return
        velocity = self.momentums[self._get_variable_index(variable)]
        tf.raw_ops.ResourceApplyKerasMomentum(
            var=variable.handle,
            accum=velocity.value.handle,
            lr=tf.cast(learning_rate, variable.dtype),
            grad=tf.cast(gradient, variable.dtype),
            momentum=tf.cast(self.momentum, variable.dtype),
            use_nesterov=self.nesterov,
        )


def _with_decay_and_factor(kind: type[keras.optimizers.Optimizer]) -> type[keras.optimizers.Optimizer]:
    """Derives an optimiser class with decoupled weight decay and a learning-rate factor for some variables.

    Keras has no setting for the factor, and its own weight decay takes three passes over the weights instead of one.
    With several replicas, Keras clips the gradients of each; here the sum over the replicas is clipped.
    """

    class WithDecayAndFactor(kind):
        def __init__(self, decay: float, factor: float, scaled_variables: Collection[keras.Variable], **arguments: Any):
            super().__init__(**arguments)
            self._decay, self._factor = decay, factor
            self._scaled = {self._var_key(variable) for variable in scaled_variables}

        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            if self._decay and self._use_weight_decay(variable):
                variable.assign(variable * (1 - self._decay * tf.cast(learning_rate, variable.dtype)))
            factor = self._factor if self._var_key(variable) in self._scaled else 1.0
            super().update_step(gradient, variable, learning_rate * factor)

        def _clip_gradients(self, gradients: Any) -> Any:
            return gradients

        def _all_reduce_sum_gradients(self, pairs: Any) -> list[Any]:
            gradients, variables = zip(*super()._all_reduce_sum_gradients(pairs), strict=True)
            return list(zip(super()._clip_gradients(gradients), variables, strict=True))

    return WithDecayAndFactor
