"""Runs the network of a target, with LiteRT or ONNX Runtime. Needs neither TensorFlow nor Keras."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from components.targets.target_folder import TargetModel


class TargetNetwork(Protocol):
    """The network of a target. Several threads may call it at the same time."""

    def scores(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Runs the network.

        Args:
            images: uint8 [N, height, width, 3], of the network's size; at least one.

        Returns:
            float32 [N, height, width, classes], linear scores.

        Raises:
            RuntimeError, ValueError: the runtime failed.
        """


def available_cores() -> int:
    """Returns the number of processor cores that this process may use."""
    return len(os.sched_getaffinity(0))


def load_network(target: TargetModel, threads: int | None = None) -> TargetNetwork:
    """Loads the network of a target with the runtime of its format.

    Args:
        target: what `read_target` returned.
        threads: how many threads compute; by default one per core.

    Raises:
        ValueError: the runtime cannot run the model file.
        ModuleNotFoundError: the runtime is not installed.
    """
    network = OnnxNetwork if target.target.format == "onnx" else LitertNetwork
    return network(target, available_cores() if threads is None else threads)


class LitertNetwork:
    """A network in LiteRT.

    Each image is run by itself, unless the model takes several at once. Several images run at the same time, each in an
    interpreter of its own: on a CPU this is faster than a batch, whose layers wait for each other. The threads are
    divided among them.
    """

    def __init__(self, target: TargetModel, threads: int):
        """See `load_network`."""
        self._target, self._threads = target, threads
        self._idle: list[tuple[int, Any]] = []  # number of threads and interpreter, the one last used at the end
        self._lock = threading.Lock()
        self._workers = ThreadPoolExecutor(threads, "litert")
        self._idle.append((threads, self._interpreter(threads)))

    def scores(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See `TargetNetwork.scores`."""
        parts = _parts(images, self._target.target.batch or 1)
        threads = self._threads // min(len(parts), self._threads)
        sides = [side for side in self._target.target.output.shape[1:] if side is not None]
        scores = np.empty((len(parts), len(parts[0]), *sides), np.float32)
        if len(parts) == 1:
            self._score_part(parts[0], scores[0], threads)
        else:
            _ = [*self._workers.map(lambda part, of_part: self._score_part(part, of_part, threads), parts, scores)]
        return scores.reshape(-1, *scores.shape[2:])[: len(images)]

    def _score_part(self, images: NDArray[np.uint8], scores: NDArray[np.float32], threads: int) -> None:
        """Writes the scores of images into an array."""
        interpreter = self._idle_interpreter(threads) or self._interpreter(threads)
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], images)
        interpreter.invoke()
        found = interpreter.tensor(interpreter.get_output_details()[0]["index"])()  # LiteRT's memory, copied only once
        if found.shape != scores.shape:
            raise ValueError(f"the model returns scores of shape {found.shape}, its description says {scores.shape}")
        scores[...] = found
        del found  # LiteRT runs no network whose memory is in use
        with self._lock:
            self._idle.append((threads, interpreter))
            del self._idle[: -self._threads]  # each holds a copy of the weights

    def _idle_interpreter(self, threads: int) -> Any:
        with self._lock:
            found = next((each for each in reversed(self._idle) if each[0] == threads), None)
            if found is not None:
                self._idle.remove(found)
        return found and found[1]

    def _interpreter(self, threads: int) -> Any:
        from ai_edge_litert.interpreter import Interpreter

        interpreter = Interpreter(model_path=str(self._target.file), num_threads=threads)
        if self._target.target.batch is None:
            images = interpreter.get_input_details()[0]["index"]
            interpreter.resize_tensor_input(images, [1, *self._target.target.input.shape[1:]])
        interpreter.allocate_tensors()
        return interpreter


class OnnxNetwork:
    """A network in ONNX Runtime."""

    def __init__(self, target: TargetModel, threads: int):
        """See `load_network`."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._target = target.target
        try:
            self._session = onnxruntime.InferenceSession(str(target.file), options, ["CPUExecutionProvider"])
        except Exception as error:  # its own exceptions have no common type
            raise ValueError(str(error)) from error

    def scores(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See `TargetNetwork.scores`."""
        names = self._target.input.name, self._target.output.name
        parts = _parts(images, self._target.batch or len(images))
        try:
            scores = [self._session.run([names[1]], {names[0]: part})[0] for part in parts]
        except Exception as error:  # its own exceptions have no common type
            raise RuntimeError(str(error)) from error
        return np.concatenate(scores)[: len(images)]


def _parts(images: NDArray[np.uint8], size: int) -> list[NDArray[np.uint8]]:
    """Splits images into parts of one size; the last one is filled up with copies of the last image."""
    missing = -len(images) % size
    filled = np.concatenate([images, *[images[-1:]] * missing]) if missing else images
    return [filled[first : first + size] for first in range(0, len(filled), size)]
