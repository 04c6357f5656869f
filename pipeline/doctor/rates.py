"""How fast this machine computes: a matrix product and a convolution, as TensorFlow runs them."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

import tensorflow as tf

if TYPE_CHECKING:
    from collections.abc import Callable

MEASURED_SECONDS = 0.5
_CPU_SIDE, _GPU_SIDE = 1024, 8192
_CPU_BATCH, _GPU_BATCH = 2, 64
_PIXELS, _CHANNELS, _KERNEL = 56, 64, 3
_MUCH_FASTER = 1.5
"""Training has other operations too, so a smaller gain of the convolutions is not worth a hint."""


def matrix_product_rate(*, gpu: bool) -> float:
    """Measures the product of two square float32 matrices; returns 10⁹ floating-point operations per second."""
    side = _GPU_SIDE if gpu else _CPU_SIDE
    one, other = tf.random.normal([side, side], seed=1), tf.random.normal([side, side], seed=2)
    return 2e-9 * side**3 / _seconds(lambda: tf.matmul(one, other))


def convolution_rate(*, gpu: bool, dtype: str = "float32") -> float:
    """Measures a 3 × 3 convolution of 64 channels; returns 10⁹ floating-point operations per second."""
    batch = _GPU_BATCH if gpu else _CPU_BATCH
    images = tf.cast(tf.random.normal([batch, _PIXELS, _PIXELS, _CHANNELS], seed=1), dtype)
    kernel = tf.cast(tf.random.normal([_KERNEL, _KERNEL, _CHANNELS, _CHANNELS], seed=2), dtype)
    operations = 2 * batch * _PIXELS**2 * _KERNEL**2 * _CHANNELS**2
    return 1e-9 * operations / _seconds(lambda: tf.nn.conv2d(images, kernel, strides=1, padding="SAME"))


def bfloat16_text(rate: float, float32_rate: float) -> str:
    """Describes the rate of convolutions in bfloat16, with a hint if it can make trainings faster on this machine."""
    text, ratio = f"{rate:,.0f} GFLOP/s in bfloat16", rate / float32_rate
    if ratio < _MUCH_FASTER:
        return text
    hint = "a U-Net or VGG-16 trains faster with training.precision=bfloat16; MobileNet and EfficientNet may not"
    return f"{text}, {ratio:.1f} times float32's: {hint}"


def _seconds(compute: Callable[[], tf.Tensor]) -> float:
    """Returns the median time of a computation, after a first one that selects the implementation."""
    function = tf.function(lambda: tf.reduce_sum(compute()))  # a scalar, so that reading the result takes no time
    function().numpy()
    times: list[float] = []
    while sum(times) < MEASURED_SECONDS:
        started = time.perf_counter()
        function().numpy()
        times.append(time.perf_counter() - started)
    return statistics.median(times)
