"""Optimisers and learning-rate schedules: equal to Keras' own, with warm-up, factors, decay and clipping."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from components.training.config import TrainingConfig
from components.training.optimizers import make_optimizer, make_schedule
from tests.components.training.training_process import mirrored_strategy

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Callable

    from numpy.typing import NDArray

STEPS = 10


def rates(steps: list[int], **settings: Any) -> list[float]:
    schedule = make_schedule(TrainingConfig(epochs=4, learning_rate=0.1, **settings), STEPS)
    return [float(schedule(step)) for step in steps]


def compiled_step(optimizer: keras.optimizers.Optimizer, weight: keras.Variable) -> Callable[[NDArray[Any]], None]:
    step: Callable[[NDArray[Any]], None] = tf.function(lambda gradient: optimizer.apply([gradient], [weight]))
    return step


@pytest.mark.parametrize(
    ("settings", "steps", "expected"),
    [
        ({"schedule": "cosine"}, [0, 20, 40], [0.1, 0.05, 0.0]),
        ({"schedule": "cosine", "warmup_epochs": 1}, [0, 4, 9, 10, 25, 40], [0.01, 0.05, 0.1, 0.1, 0.05, 0.0]),
        ({"schedule": "constant", "warmup_epochs": 2}, [0, 9, 20, 40], [0.005, 0.05, 0.1, 0.1]),
        ({"schedule": "poly"}, [0, 20, 40], [0.1, 0.1 * 0.5**0.9, 0.0]),
        ({"schedule": "poly", "warmup_epochs": 2}, [19, 30], [0.1, 0.1 * 0.5**0.9]),
    ],
)
def test_learning_rates_follow_the_schedule(settings: dict[str, Any], steps: list[int], expected: list[float]) -> None:
    assert rates(steps, **settings) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_the_backbones_learning_rate_has_its_factor(optimizer: Literal["sgd", "adamw"]) -> None:
    """With constant gradients, both optimisers change a weight in proportion to its learning rate."""
    config = TrainingConfig(
        optimizer=optimizer,
        learning_rate=0.1,
        schedule="constant",
        backbone_learning_rate_factor=0.25,
        weight_decay=0,
    )
    head, backbone = keras.Variable(np.zeros(3, np.float32)), keras.Variable(np.zeros(3, np.float32))
    made = make_optimizer(config, STEPS, [backbone])
    for _ in range(3):
        made.apply([np.ones(3, np.float32)] * 2, [head, backbone])
    np.testing.assert_allclose(backbone.numpy(), 0.25 * head.numpy(), rtol=1e-5)
    assert head.numpy().max() < 0


def test_sgd_has_nesterov_momentum() -> None:
    """Sutskever et al., ICML 2013: the first step is (1 + momentum) × rate × gradient."""
    config = TrainingConfig(optimizer="sgd", learning_rate=0.01, schedule="constant", weight_decay=0)
    weight = keras.Variable(np.zeros(1, np.float32))
    make_optimizer(config, STEPS).apply([np.ones(1, np.float32)], [weight])
    assert float(weight.numpy()[0]) == pytest.approx(-0.01 * 1.9)


@pytest.mark.parametrize("chosen", [{"optimizer": "sgd"}, {"optimizer": "sgd", "momentum": 0}, {"optimizer": "adamw"}])
def test_steps_equal_those_of_keras(chosen: dict[str, Any]) -> None:
    """With weight decay, over several steps and inside a compiled function, as in a training."""
    config = TrainingConfig(learning_rate=0.1, weight_decay=0.3, warmup_epochs=1, epochs=2, **chosen)
    arguments = {"learning_rate": make_schedule(config, STEPS), "weight_decay": 0.3}
    if config.optimizer == "adamw":
        reference: keras.optimizers.Optimizer = keras.optimizers.AdamW(**arguments)
    else:
        reference = keras.optimizers.SGD(**arguments, momentum=config.momentum, nesterov=config.momentum > 0)
    draws = np.random.default_rng(0)
    start, gradients = draws.normal(size=(3, 4)), draws.normal(size=(6, 3, 4))
    weights = []
    for optimizer in (make_optimizer(config, STEPS), reference):
        weight = keras.Variable(start.astype(np.float32), name="kernel")
        optimizer.build([weight])
        step = compiled_step(optimizer, weight)
        for gradient in gradients.astype(np.float32):
            step(gradient)
        weights.append(weight.numpy())
    np.testing.assert_allclose(weights[0], weights[1], rtol=1e-5, atol=1e-6)


@settings(max_examples=30)
@given(
    learning_rate=st.floats(1e-6, 1.0),
    decay=st.floats(0, 0.5),
    factor=st.floats(0.01, 1),
    clip_norm=st.none() | st.floats(0.1, 10),
    ema_momentum=st.none() | st.floats(0.1, 0.99),
    size=st.integers(-8, 4),
    dtype=st.sampled_from(["float32", "bfloat16", "float16"]),
    seed=st.integers(0, 99),
)
def test_adamw_and_its_variables_equal_those_of_keras(
    learning_rate: float,
    decay: float,
    factor: float,
    clip_norm: float | None,
    ema_momentum: float | None,
    size: int,
    dtype: str,
    seed: int,
) -> None:
    """Some gradients are 0. Equal variables: a training resumes from a state that Keras' optimiser wrote."""
    config = TrainingConfig(
        learning_rate=learning_rate,
        schedule="constant",
        backbone_learning_rate_factor=factor,
        weight_decay=decay,
        clip_norm=clip_norm,
        ema_momentum=ema_momentum,
    )
    draws = np.random.default_rng(seed)
    start = draws.normal(size=(3, 5)).astype(np.float32)
    gradients = 10.0**size * draws.normal(size=(4, 3, 5)) * draws.integers(0, 2, (4, 3, 5))
    results = []
    for is_reference in (False, True):
        weight = keras.Variable(start, name="kernel")
        if is_reference:
            optimizer: keras.optimizers.Optimizer = keras.optimizers.AdamW(
                keras.optimizers.schedules.PolynomialDecay(learning_rate * factor, 1, learning_rate * factor),
                weight_decay=decay / factor,
                global_clipnorm=clip_norm,
                use_ema=ema_momentum is not None,
                ema_momentum=ema_momentum or 0.0,
            )
        else:
            optimizer = make_optimizer(config, STEPS, [weight])
        optimizer.build([weight])
        for gradient in gradients:
            optimizer.apply([tf.cast(gradient, dtype)], [weight])
        results.append([weight, *optimizer.variables])
    for own, reference in zip(*results, strict=True):
        assert (own.name, own.dtype, own.shape) == (reference.name, reference.dtype, reference.shape)
        # In float32, 1 - 0.999 is 0.001 - 1.3e-8, and so differs from Keras' 0.001 by 1.3e-5 of it.
        np.testing.assert_allclose(own.numpy(), reference.numpy(), rtol=2e-5, atol=1e-4 * learning_rate)


def adamw_on_devices(devices: int, xla: bool) -> list[NDArray[Any]]:
    """Trains two layers with AdamW on some logical devices; returns the weights and the optimiser's variables."""
    keras.utils.set_random_seed(0)
    strategy = mirrored_strategy(2) if devices > 1 else tf.distribute.get_strategy()
    config = TrainingConfig(learning_rate=0.01, weight_decay=0.1, clip_norm=1, ema_momentum=0.5)
    with strategy.scope():
        network = keras.Sequential([keras.Input((5,)), keras.layers.Dense(4), keras.layers.Dense(1)])
        optimizer = make_optimizer(config, STEPS, network.layers[0].trainable_variables)
        network.compile(optimizer, "mse", jit_compile=xla)
    draws = np.random.default_rng(0)
    network.fit(
        draws.normal(size=(12, 5)), draws.normal(size=(12, 1)), batch_size=4, epochs=2, shuffle=False, verbose=0
    )
    return [variable.numpy() for variable in (*network.weights, *optimizer.variables)]


def test_adamw_on_two_devices_and_with_xla_equals_adamw_on_one(two_devices: concurrent.futures.Executor) -> None:
    one, two, compiled = (
        two_devices.submit(adamw_on_devices, devices, xla).result()
        for devices, xla in ((1, False), (2, False), (1, True))
    )
    assert int(one[4]) == 6  # the number of steps
    for others in (two, compiled):
        for own, other in zip(one, others, strict=True):
            np.testing.assert_allclose(own, other, rtol=1e-4, atol=1e-6)


def test_decay_does_not_change_biases_and_normalisation() -> None:
    config = TrainingConfig(learning_rate=0.1, schedule="constant", weight_decay=0.5)
    variables = [keras.Variable(np.ones(2, np.float32), name=name) for name in ("kernel", "bias", "gamma", "beta")]
    make_optimizer(config, STEPS).apply([np.zeros(2, np.float32)] * 4, variables)
    assert [round(float(variable.numpy()[0]), 6) for variable in variables] == [0.95, 1, 1, 1]


def test_clipping_limits_the_global_norm_of_the_gradients() -> None:
    config = TrainingConfig(
        optimizer="sgd", momentum=0, learning_rate=1, schedule="constant", weight_decay=0, clip_norm=1
    )
    variables = [keras.Variable(np.zeros(1, np.float32)) for _ in range(2)]
    make_optimizer(config, STEPS).apply([np.array([30.0], np.float32), np.array([40.0], np.float32)], variables)
    assert [float(variable.numpy()[0]) for variable in variables] == pytest.approx([-0.6, -0.8])
