"""The interface of the engines. Imports none of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol, TypeVar, get_args

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from tfds_voc_seg.geometry import Geometry

_Result = TypeVar("_Result")

EngineName = Literal["tensorflow", "litert", "onnx"]
ENGINES: tuple[EngineName, ...] = get_args(EngineName)

AUTO = "auto"
"""Instead of an engine's name: the fastest one that the model and this machine have."""


class ModelError(ValueError):
    """A model cannot be used; the message names the model and the reason."""


class EngineError(RuntimeError):
    """An engine failed on an image; the message is that of its library."""


class Engine(Protocol):
    """Runs a model's network; reads and resizes photos as the records of its training were.

    Several threads may call the methods at the same time.
    """

    @property
    def name(self) -> EngineName:
        """The engine's name."""

    def decode(self, content: bytes) -> NDArray[np.uint8]:
        """Decodes a JPEG, PNG, GIF or BMP file that `check_predicted_image` accepted.

        Returns:
            uint8 [height, width, 3], upright; transparent PNGs lie over white.

        Raises:
            Exception: the file is damaged; decoders raise different types.
        """

    def resize(self, photo: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
        """Resizes a photo by antialiased bilinear interpolation, uint8 [height, width, 3] → uint8 [*size, 3]."""

    def fit(self, photo: NDArray[np.uint8], geometry: Geometry) -> NDArray[np.uint8]:
        """Makes the network's image of a photo, or with `crop` one that it sees windows of.

        Args:
            photo: uint8 [height, width, 3].
            geometry: how.

        Returns:
            uint8 [rows, columns, 3], of the size that `geometry.padded` returns.
        """

    def scores(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Runs the network.

        Args:
            images: uint8 [N, height, width, 3], of the network's size; at least one.

        Returns:
            float32 [N, height, width, classes], linear scores.

        Raises:
            EngineError: the network failed.
            MemoryError: it needs more memory than there is.
        """

    def map_scores(
        self, images: NDArray[np.uint8], function: Callable[[int, NDArray[np.float32]], _Result]
    ) -> list[_Result]:
        """Runs the network and calls a function with the scores of each image, for several images at the same time.

        Args:
            images: as for `scores`.
            function: of the image's number and its scores, float32 [height, width, classes], which are valid only
                during the call.

        Returns:
            The results, in the order of the images.

        Raises:
            EngineError: the network failed.
            MemoryError: it needs more memory than there is.
        """
