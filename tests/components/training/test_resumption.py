"""The state of a training: a damaged one is not used."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import keras
import pytest

from components.training.resumption import TrainingFolder, snapshot

if TYPE_CHECKING:
    from pathlib import Path

FILES = ("epoch0001.variables.npy", "epoch0002.variables.npy", "state.json")


@pytest.fixture(scope="module")
def network() -> keras.Model:
    network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    network.compile("adam", "mse")
    network.optimizer.build(network.trainable_variables)
    return network


@pytest.mark.parametrize(("name", "damage"), itertools.product(FILES, ("cut", "flip", "delete")))
def test_a_damaged_state_is_not_used(network: keras.Model, tmp_path: Path, name: str, damage: str) -> None:
    folder, file = TrainingFolder(tmp_path / "state"), tmp_path / "state" / name
    folder.write(snapshot(network), {"loss": [1.0]}, is_best=True, finished=False)
    folder.write(snapshot(network), {"loss": [1.0, 2.0]}, is_best=False, finished=True)
    assert folder.read() is not None
    assert {path.name for path in file.parent.iterdir()} == {*FILES}
    content = file.read_bytes()
    middle = len(content) // 2
    if damage == "delete":  # as when a process is killed while it removes the state
        file.unlink()
    else:
        file.write_bytes(content[:middle] + (bytes([content[middle] ^ 1]) + content[middle + 1 :]) * (damage == "flip"))
    assert folder.read() is None
    folder.write(snapshot(network), {"loss": [3.0]}, is_best=True, finished=False)
    assert folder.read() is not None
