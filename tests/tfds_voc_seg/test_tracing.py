from __future__ import annotations

import pytest
import tensorflow as tf

from tfds_voc_seg.tracing import traced_once, without_autograph


def test_graphs_share_one_trace_per_kind_of_arguments() -> None:
    calls: list[int] = []

    @traced_once
    def scaled(values: tf.Tensor, factor: int) -> tf.Tensor:
        calls.append(factor)
        return factor * values

    numbers = tf.data.Dataset.range(3)
    for _ in range(2):
        assert list(numbers.map(lambda number: scaled(number, 2)).as_numpy_iterator()) == [0, 2, 4]
    assert calls == [2]
    assert list(numbers.map(lambda number: scaled(number, 3)).as_numpy_iterator()) == [0, 3, 6]
    assert scaled(tf.constant(5), 2) == 10
    assert calls == [2, 3, 2]


def test_outside_of_graphs_errors_keep_their_characters() -> None:
    @traced_once
    def refused(name: tf.Tensor) -> tf.Tensor:
        with tf.control_dependencies([tf.debugging.Assert(tf.constant(False), [name])]):
            return tf.identity(name)

    with pytest.raises(tf.errors.InvalidArgumentError, match="anna's photo"):
        refused(tf.constant("anna's photo"))


def test_autograph_is_off_in_the_functions_of_a_dataset() -> None:
    def halved(number: tf.Tensor) -> tf.Tensor:
        if number % 2 == 0:
            return number // 2
        return number

    def numbers() -> tf.data.Dataset:
        return tf.data.Dataset.range(4).map(halved)

    assert list(numbers().as_numpy_iterator()) == [0, 1, 1, 3]
    with pytest.raises(tf.errors.OperatorNotAllowedInGraphError, match="AutoGraph"):
        without_autograph(numbers)()
