"""The engines LiteRT and ONNX Runtime: run an export target. Imports neither TensorFlow nor Keras."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, TypeVar

from components.targets.network import load_network
from pipeline.engines.engine import EngineError, EngineName
from pipeline.engines.photos import PhotosWithoutTensorflow
from tfds_voc_seg.error_messages import message_of_library

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from components.targets.target_folder import TargetModel

_Result = TypeVar("_Result")


class TargetEngine(PhotosWithoutTensorflow):
    """See `Engine`."""

    def __init__(self, name: EngineName, target: TargetModel, threads: int | None = None):
        """Loads the network.

        Args:
            name: the engine that runs the target's format.
            target: the target.
            threads: how many threads compute; by default one per core.

        Raises:
            ValueError: the runtime cannot run the model file.
        """
        self.name = name
        self._network = load_network(target, threads)

    def scores(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See `Engine.scores`."""
        with _plain_errors():
            return self._network.scores(images)

    def map_scores(
        self, images: NDArray[np.uint8], function: Callable[[int, NDArray[np.float32]], _Result]
    ) -> list[_Result]:
        """See `Engine.map_scores`."""
        with _plain_errors():
            return self._network.map_scores(images, function)


@contextlib.contextmanager
def _plain_errors() -> Iterator[None]:
    """Raises the runtimes' errors as `EngineError`."""
    try:
        yield
    except (RuntimeError, ValueError) as error:
        raise EngineError(message_of_library(error, 300)) from error
