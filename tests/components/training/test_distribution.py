"""The choice of the devices, on a CPU that is split into two devices that stand for GPUs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
import tensorflow as tf

from components.training.config import TrainingConfig
from components.training.distribution import make_strategy

if TYPE_CHECKING:
    import concurrent.futures


def strategy_on_two_devices(settings: dict[str, Any]) -> tuple[str, int]:
    """Returns the kind of the strategy and its number of replicas."""
    two_gpus = mock.Mock(return_value=["GPU:0", "GPU:1"])
    with mock.patch.multiple(tf.config, list_physical_devices=two_gpus, list_logical_devices=two_gpus):
        strategy = make_strategy(TrainingConfig(**settings))
    return type(strategy).__name__, strategy.num_replicas_in_sync


def test_several_gpus_are_used_if_the_settings_allow_it(two_devices: concurrent.futures.Executor) -> None:
    def strategy(**settings: Any) -> tuple[str, int]:
        return two_devices.submit(strategy_on_two_devices, {"epochs": 1, **settings}).result()

    assert strategy(batch_size=4) == ("MirroredStrategy", 2)
    assert strategy(batch_size=3, distribute="none")[1] == 1
    assert strategy(batch_size=3, distribute="none", xla=True)[1] == 1
    with pytest.raises(ValueError, match=r"a batch of 3 cannot be split over 2 devices: set training\.batch_size"):
        strategy(batch_size=3)
    with pytest.raises(ValueError, match=r"training\.xla does not work on 2 devices: set it to null, or trai"):
        strategy(batch_size=4, xla=True)
