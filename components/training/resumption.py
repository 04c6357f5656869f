"""The state of a training after each epoch, from which an interrupted training resumes.

The state has a folder of its own in the run's output folder, because TFX gives each execution a new artifact folder.
`state.json` names the weights that belong to it with their digests, and is written last, under a temporary name:
whenever the process is killed, the folder holds one complete state or none. A damaged state is not used.

A state is written beside the next epoch, from a copy of the variables (`snapshot`), in numpy's format: Keras' own
`save_weights` reads the variables while it writes, and holds Python's lock, so that the training would wait for it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from etils import epath
from numpy.typing import NDArray

from components.run_files import STATE_FILE
from tfds_voc_seg.array_files import save_array
from tfds_voc_seg.storage import file_sha256, write_text_whole, written_whole

if TYPE_CHECKING:
    from components.training.history import History

Snapshot = Sequence[NDArray[Any]]
"""The values of a network's and its optimiser's variables at one time, see `snapshot`."""

_SUFFIX = ".variables.npy"


def snapshot(network: keras.Model) -> Snapshot:
    """Copies the variables of a compiled network whose optimiser is built: all that a training changes."""
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in _variables(network)]


def _variables(network: keras.Model) -> list[keras.Variable]:
    """Lists weights, the random states of dropout layers, which Keras does not save, and the optimiser's variables."""
    random_states = [variable for variable in network.variables if variable.name == "seed_generator_state"]
    return [*network.weights, *random_states, *network.optimizer.variables]


@dataclasses.dataclass(frozen=True)
class TrainingState:
    """The state of a training after some epochs.

    Attributes:
        history: metric → its value at the end of each finished epoch.
        last: name of the file with the variables after the last finished epoch.
        best: name of the file with the variables after the best epoch.
        finished: whether the training is complete, after all epochs or by early stopping.
        digests: name of each file → SHA-256 hex digest of its content.
    """

    history: History
    last: str
    best: str
    finished: bool
    digests: dict[str, str]

    @property
    def epochs(self) -> int:
        """The number of finished epochs."""
        return len(self.history["loss"])


class TrainingFolder:
    """Reads and writes the state of one training."""

    def __init__(self, folder: epath.PathLike):
        self._folder = epath.Path(folder)

    @classmethod
    def of_inputs(cls, parent: epath.PathLike, *inputs: str, prefix: str = "") -> TrainingFolder:
        """Returns the folder of the training that depends on these inputs; only the same inputs resume it.

        Args:
            parent: the folder of all trainings.
            *inputs: everything that the training depends on: the URIs of its artifacts, settings, code fingerprint.
            prefix: the beginning of the folder's name, before a hash of the inputs.
        """
        digest = hashlib.sha256("\0".join(inputs).encode()).hexdigest()[:16]
        return cls(epath.Path(parent) / f"{prefix}{digest}")

    def read(self) -> TrainingState | None:
        """Reads the last complete state; `None` if there is none, or if its files are missing or damaged."""
        state = self._read_unchecked()
        for name, digest in state.digests.items() if state else ():
            file = self._folder / name
            if not file.exists() or file_sha256(file) != digest:
                logging.warning("%s is missing or damaged; the training starts from the beginning", file)
                return None
        return state

    def _read_unchecked(self) -> TrainingState | None:
        try:
            text = (self._folder / STATE_FILE).read_bytes().decode()
            state = TrainingState(**json.loads(text)["state"])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None
        return state if text == _text(state) else None

    def resume(self, network: keras.Model, state: TrainingState) -> None:
        """Restores weights, optimiser and random states of a compiled network whose optimiser is built."""
        _restore(network, self._folder / state.last)

    def load_best(self, network: keras.Model) -> None:
        """Restores the variables after the best epoch.

        Raises:
            FileNotFoundError: no epoch is finished.
        """
        state = self.read()
        if state is None:
            raise FileNotFoundError(f"{self._folder} holds no training state")
        _restore(network, self._folder / state.best)

    def write(self, variables: Snapshot, history: History, *, is_best: bool, finished: bool) -> None:
        """Writes the state after an epoch, then deletes the files that it replaces.

        Args:
            variables: the `snapshot` of the network after the epoch.
            history: the history of all epochs so far, this one included.
            is_best: whether this epoch is the best so far.
            finished: whether the training is complete.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        before, epoch = self._read_unchecked(), len(history["loss"])
        last = f"epoch{epoch:04d}{_SUFFIX}"
        digests = {last: _write(variables, self._folder / last)}
        best = last if is_best or before is None else before.best
        if before is not None and best != last:
            digests[best] = before.digests[best]
        state = TrainingState(history, last, best, finished, digests)
        write_text_whole(self._folder / STATE_FILE, _text(state))
        for old in self._folder.glob(f"*{_SUFFIX}"):
            if old.name not in (state.last, state.best):
                old.unlink()

    def copy_to(self, folder: epath.PathLike) -> TrainingFolder:
        """Copies the state, if there is one, to another folder and returns that folder.

        Workers that train together all start from the first worker's state, and each writes its own.
        """
        copy = epath.Path(folder)
        state = self.read()
        if state is not None:
            copy.mkdir(parents=True, exist_ok=True)
            for name in (state.last, state.best, STATE_FILE):
                (self._folder / name).copy(copy / name, overwrite=True)
        return TrainingFolder(copy)

    def remove(self) -> None:
        """Deletes the folder, after the training's result has been written elsewhere."""
        if self._folder.exists():
            self._folder.rmtree()


def _text(state: TrainingState) -> str:
    """Returns the content of the state's file, which has a checksum."""
    values = dataclasses.asdict(state)
    return json.dumps({"state": values, "sha256": hashlib.sha256(json.dumps(values).encode()).hexdigest()})


def _write(variables: Snapshot, file: epath.Path) -> str:
    """Writes the variables one after the other; returns the digest of the file."""
    with written_whole(file) as unfinished:
        with unfinished.open("wb") as opened:
            for values in variables:
                save_array(opened, values)
        return file_sha256(unfinished)


def _restore(network: keras.Model, file: epath.Path) -> None:
    with file.open("rb") as opened:
        for variable in _variables(network):
            variable.assign(np.load(opened, allow_pickle=False))
