"""What a training leaves after each epoch, so that a killed one goes on where it was.

TFX gives each execution a new folder, so that this one is the run's own and outlives executions. `state.json` is
written last, under a temporary name, and names the weights that belong to it: whatever the moment of a kill, the folder
holds one whole state or none.
"""

from __future__ import annotations

import dataclasses
import json
import tempfile
from pathlib import Path
from typing import Any

import keras
from etils import epath

from components.run_files import STATE_FILE
from tfds_voc_seg.storage import write_text_whole

History = dict[str, list[float]]


@dataclasses.dataclass(frozen=True)
class TrainingState:
    """A training after some epochs.

    Attributes:
        history: metric → its value at the end of each finished epoch.
        last: name of the file with weights and optimiser after the last finished epoch.
        best: name of the file with the best epoch's weights.
        random_states: of the network's dropout layers, which Keras does not save.
        finished: whether no epoch is left, by number or by early stopping.
    """

    history: History
    last: str
    best: str
    random_states: list[list[int]]
    finished: bool

    @property
    def epochs(self) -> int:
        """How many epochs are finished."""
        return len(self.history["loss"])


class TrainingFolder:
    """Reads and writes the states of one training."""

    def __init__(self, folder: epath.PathLike):
        self._folder = epath.Path(folder)

    def read(self) -> TrainingState | None:
        """The last whole state; `None` where there is none."""
        try:
            return TrainingState(**json.loads((self._folder / STATE_FILE).read_text()))
        except (FileNotFoundError, json.JSONDecodeError, TypeError):
            return None

    def resume(self, network: keras.Model, state: TrainingState) -> None:
        """Puts a network, compiled and its optimiser built, where it was after the last finished epoch."""
        _load_weights(network, self._folder / state.last)
        for variable, value in zip(_random_states(network), state.random_states, strict=True):
            variable.assign(value)

    def load_best(self, network: keras.Model) -> None:
        """Loads the best epoch's weights.

        Raises:
            FileNotFoundError: no epoch is finished.
        """
        state = self.read()
        if state is None:
            raise FileNotFoundError(f"{self._folder} holds no state of a training")
        _load_weights(network, self._folder / state.best)

    def write(self, network: keras.Model, history: History, *, is_best: bool, finished: bool) -> None:
        """Writes the state after an epoch, then removes what it replaces.

        Args:
            network: compiled, as it is after the epoch.
            history: of all epochs so far, this one included.
            is_best: whether this epoch is the best so far.
            finished: whether no epoch is left.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        before, epoch = self.read(), len(history["loss"])
        last = f"epoch{epoch:04d}.weights.h5"
        _save_weights(network, self._folder / last)
        best = last if is_best or before is None else before.best
        random_states = [variable.numpy().tolist() for variable in _random_states(network)]
        state = TrainingState(history, last, best, random_states, finished)
        write_text_whole(self._folder / STATE_FILE, json.dumps(dataclasses.asdict(state)))
        for file in self._folder.glob("*.weights.h5"):
            if file.name not in (state.last, state.best):
                file.unlink()

    def copy_to(self, folder: epath.PathLike) -> TrainingFolder:
        """Copies the state, if there is one, and gives the copy.

        Workers that train together begin from the first one's state, and each writes its own.
        """
        copy = epath.Path(folder)
        state = self.read()
        if state is not None:
            copy.mkdir(parents=True, exist_ok=True)
            for name in (state.last, state.best, STATE_FILE):
                (self._folder / name).copy(copy / name, overwrite=True)
        return TrainingFolder(copy)

    def remove(self) -> None:
        """Removes the folder, once the training's result is elsewhere."""
        if self._folder.exists():
            self._folder.rmtree()


def _random_states(network: keras.Model) -> list[keras.Variable]:
    return [variable for variable in network.variables if variable.name == "seed_generator_state"]


def _save_weights(network: keras.Model, file: epath.Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        local = Path(scratch) / file.name
        network.save_weights(local)
        epath.Path(local).copy(file, overwrite=True)


def _load_weights(network: keras.Model, file: epath.Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        local = epath.Path(scratch) / file.name
        file.copy(local)
        network.load_weights(str(local))


def as_json(history: History) -> dict[str, list[Any]]:
    """A history with `null` for what is not a number: the IoU of a class that is absent from the split."""
    return {name: [None if value != value else value for value in values] for name, values in history.items()}
