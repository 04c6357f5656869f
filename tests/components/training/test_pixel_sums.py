"""Sums and pixels of the global batch, seen from one of two replicas; the other one's part is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tensorflow as tf

from components.training.pixel_sums import gather_pixels, labels_and_validity, own_pixels, sum_over_replicas
from tfds_voc_seg.labels import VOID

if TYPE_CHECKING:
    from collections.abc import Callable

OWN = ([[1.0, 2.0, 3.0]], [[4.0, 5.0, 6.0]])
OTHER = ([[7.0, 8.0, 9.0]], [[10.0, 11.0, 12.0]])


class OneOfTwo:
    """Stands for the context of one of two replicas."""

    num_replicas_in_sync = 2

    def __init__(self, replica: int, of_the_other: list[Any]):
        self.replica_id_in_sync_group = replica
        self._of_the_other = of_the_other

    def all_reduce(self, operation: Any, tensors: list[tf.Tensor]) -> list[tf.Tensor]:
        assert operation == tf.distribute.ReduceOp.SUM
        return [own + other for own, other in zip(tensors, self._of_the_other, strict=True)]


@pytest.fixture
def replica(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """Sets the context that the functions see."""
    return lambda context: monkeypatch.setattr(tf.distribute, "get_replica_context", lambda: context)


def test_void_is_label_0_and_not_valid() -> None:
    labels, valid = labels_and_validity(tf.constant([0.0, 3.0, VOID]))
    assert (labels.dtype, valid.dtype) == (tf.int32, tf.bool)
    assert labels.numpy().tolist() == [0, 3, 0]
    assert valid.numpy().tolist() == [True, True, False]


def test_sums_of_the_replicas_are_added_and_the_gradient_is_that_of_the_own_sum(replica: Callable[[Any], None]) -> None:
    replica(OneOfTwo(0, [10.0, 20.0]))
    own = [tf.constant(3.0), tf.constant(5.0)]
    with tf.GradientTape() as tape:
        tape.watch(own)
        totals = sum_over_replicas(*own)
        loss = totals[0] + 7.0 * totals[1]
    assert [float(total) for total in totals] == [13.0, 25.0]
    assert [float(gradient) for gradient in tape.gradient(loss, own)] == [2.0, 14.0]


@pytest.mark.parametrize("number", [0, 1])
def test_each_replica_gets_all_pixels_in_the_same_order_and_finds_its_own(
    replica: Callable[[Any], None], number: int
) -> None:
    parts = [OWN, OTHER] if number == 0 else [OTHER, OWN]
    nothing = np.zeros_like(OWN[0])
    sent_by_the_other = [np.stack([nothing, of] if number == 0 else [of, nothing]).astype(np.float32) for of in OTHER]
    replica(OneOfTwo(number, sent_by_the_other))
    own = [tf.constant(of) for of in OWN]
    with tf.GradientTape() as tape:
        tape.watch(own)
        gathered = gather_pixels(*own)
        value = tf.add_n(gathered)
    for index, pixels in enumerate(gathered):
        np.testing.assert_array_equal(pixels, np.concatenate([parts[0][index], parts[1][index]], axis=-1))
        np.testing.assert_array_equal(own_pixels(pixels), OWN[index])
    assert tape.gradient(value, own) == [None, None]


@pytest.mark.parametrize("context", [None, "one"])
def test_one_replica_and_no_context_change_nothing(replica: Callable[[Any], None], context: str | None) -> None:
    replica(context and tf.distribute.get_replica_context())
    own = [tf.constant(of) for of in OWN]
    with tf.GradientTape() as tape:
        tape.watch(own)
        sums, gathered = sum_over_replicas(*own), gather_pixels(*own)
        value = tf.add_n(gathered)
    for index, pixels in enumerate(OWN):
        np.testing.assert_array_equal(sums[index], pixels)
        np.testing.assert_array_equal(gathered[index], pixels)
        np.testing.assert_array_equal(own_pixels(gathered[index]), pixels)
    assert tape.gradient(value, own) == [None, None]
