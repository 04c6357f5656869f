"""Runs the network of a target, with LiteRT or ONNX Runtime. Needs neither TensorFlow nor Keras."""

from __future__ import annotations

import itertools
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from components.targets.target_folder import TargetModel

_Result = TypeVar("_Result")


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

    def map_scores(
        self, images: NDArray[np.uint8], function: Callable[[int, NDArray[np.float32]], _Result]
    ) -> list[_Result]:
        """Runs the network and calls a function with the scores of each image, for several images at the same time.

        Args:
            images: as for `scores`.
            function: of the image's number and its scores, float32 [height, width, classes]. The array is valid only
                during the call: it may be the runtime's own memory.

        Returns:
            The results, in the order of the images.

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
        interpreter = self._interpreter(threads)
        tensors = (*interpreter.get_input_details(), *interpreter.get_output_details())
        _require_shapes(target, [tensor["shape_signature"] for tensor in tensors])
        self._idle.append((threads, interpreter))

    def scores(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See `TargetNetwork.scores`."""
        scores = np.empty((len(images), *self._sides), np.float32)
        self.map_scores(images, scores.__setitem__)
        return scores

    def map_scores(
        self, images: NDArray[np.uint8], function: Callable[[int, NDArray[np.float32]], _Result]
    ) -> list[_Result]:
        """See `TargetNetwork.map_scores`: the function runs in the thread and on the memory that have the scores."""
        size = self._target.target.batch or 1
        parts = _parts(images, size)
        threads = self._threads // min(len(parts), self._threads)

        def results_of(number: int) -> list[_Result]:
            first = number * size
            interpreter = self._idle_interpreter(threads) or self._interpreter(threads)
            scores = self._run(interpreter, parts[number])
            results = [function(first + place, scores[place]) for place in range(min(size, len(images) - first))]
            del scores  # LiteRT runs no network whose memory is in use
            with self._lock:
                self._idle.append((threads, interpreter))
                del self._idle[: -self._threads]  # each holds a copy of the weights
            return results

        several = len(parts) > 1
        results = self._workers.map(results_of, range(len(parts))) if several else map(results_of, [0])
        return [*itertools.chain.from_iterable(results)]

    @property
    def _sides(self) -> tuple[int, ...]:
        """Rows, columns and classes of an image's scores."""
        return tuple(side for side in self._target.target.output.shape[1:] if side is not None)

    def _run(self, interpreter: Any, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Scores images; returns the interpreter's own memory."""
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], images)
        interpreter.invoke()
        scores: NDArray[np.float32] = interpreter.tensor(interpreter.get_output_details()[0]["index"])()
        expected = (len(images), *self._sides)
        if scores.shape != expected:
            raise ValueError(f"the model returns scores of shape {scores.shape}, its description says {expected}")
        return scores

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
        self._target, self._workers = target.target, ThreadPoolExecutor(threads, "onnx")
        try:
            self._session = onnxruntime.InferenceSession(str(target.file), options, ["CPUExecutionProvider"])
        except Exception as error:  # its own exceptions have no common type
            raise ValueError(str(error)) from error
        tensors = (*self._session.get_inputs(), *self._session.get_outputs())
        _require_shapes(target, [tensor.shape for tensor in tensors])

    def scores(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See `TargetNetwork.scores`."""
        names = self._target.input.name, self._target.output.name
        parts = _parts(images, self._target.batch or len(images))
        try:
            scores = [self._session.run([names[1]], {names[0]: part})[0] for part in parts]
        except Exception as error:  # its own exceptions have no common type
            raise RuntimeError(str(error)) from error
        return np.concatenate(scores)[: len(images)]

    def map_scores(
        self, images: NDArray[np.uint8], function: Callable[[int, NDArray[np.float32]], _Result]
    ) -> list[_Result]:
        """See `TargetNetwork.map_scores`."""
        return [*self._workers.map(function, range(len(images)), self.scores(images))]


def _require_shapes(target: TargetModel, shapes: Iterable[Iterable[Any]]) -> None:
    """Compares the inputs and outputs that a model file names with the description.

    Args:
        target: the target.
        shapes: their sides; a negative number or a text for a side that is not fixed.

    Raises:
        ValueError: they differ.
    """
    found = [[None if isinstance(side, str) or side < 0 else int(side) for side in shape] for shape in shapes]
    described = [list(tensor.shape) for tensor in (target.target.input, target.target.output)]
    if found != described:
        raise ValueError(f"{target.file} has tensors of the shapes {found}, its description says {described}")


def _parts(images: NDArray[np.uint8], size: int) -> list[NDArray[np.uint8]]:
    """Splits images into parts of one size; the last one is filled up with copies of the last image."""
    missing = -len(images) % size
    filled = np.concatenate([images, *[images[-1:]] * missing]) if missing else images
    return [filled[first : first + size] for first in range(0, len(filled), size)]
