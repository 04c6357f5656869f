"""The engine TensorFlow: runs the published SavedModel itself."""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

import tensorflow as tf

from components.saved_model.frozen import scores_with_constants, scores_with_variables
from components.targets.network import available_cores
from pipeline.engines.engine import EngineError, EngineName
from tfds_voc_seg.error_messages import message_of_library
from tfds_voc_seg.photos import as_array, decoded_photo, fit_photo, resize_photo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from components.saved_model.photo_scores import Score
    from tfds_voc_seg.geometry import Geometry

_Result = TypeVar("_Result")

MANY = 64
"""After so many images in batches, of a video or a folder, there are probably as many more: the conversion pays off."""


class TensorflowEngine:
    """See `Engine`. Photos pass through the same functions as those of the records, and give the same bytes."""

    name: EngineName = "tensorflow"

    def __init__(self, folder: Path):
        """Loads the SavedModel of a folder that `check_model` accepted."""
        self._model = tf.saved_model.load(str(folder))
        self._score = scores_with_variables(self._model)
        self._images_in_batches = 0
        self._lock = threading.Lock()
        self._workers = ThreadPoolExecutor(available_cores(), "tensorflow")

    def decode(self, content: bytes) -> NDArray[np.uint8]:
        """See `Engine.decode`."""
        return decoded_photo(content)

    def resize(self, photo: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
        """See `Engine.resize`."""
        with _plain_errors():
            return as_array(resize_photo(tf.constant(photo), size))

    def fit(self, photo: NDArray[np.uint8], geometry: Geometry) -> NDArray[np.uint8]:
        """See `Engine.fit`."""
        with _plain_errors():
            return as_array(fit_photo(tf.constant(photo), geometry))

    def scores(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See `Engine.scores`."""
        with _plain_errors():
            return as_array(self._score_of(len(images))(tf.constant(images)))

    def map_scores(
        self, images: NDArray[np.uint8], function: Callable[[int, NDArray[np.float32]], _Result]
    ) -> list[_Result]:
        """See `Engine.map_scores`."""
        return [*self._workers.map(function, range(len(images)), self.scores(images))]

    def _score_of(self, images: int) -> Score:
        """Returns the network for a batch; from `MANY` images in batches on with constant weights, which are faster.

        Single photos do not count: somebody waits for each of them.
        """
        with self._lock:
            before = self._images_in_batches
            self._images_in_batches += images if images > 1 else 0
            if before < MANY <= self._images_in_batches:
                self._score = scores_with_constants(self._model)
                del self._model  # also its variables, unless the network still needs them
            return self._score


@contextlib.contextmanager
def _plain_errors() -> Iterator[None]:
    """Raises TensorFlow's errors as `EngineError` and `MemoryError`."""
    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        raise MemoryError(message_of_library(error)) from error
    except tf.errors.OpError as error:
        raise EngineError(message_of_library(error, 300)) from error
