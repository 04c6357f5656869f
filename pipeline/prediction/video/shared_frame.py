"""A frame and its painted picture, in memory that two processes share."""

from __future__ import annotations

import mmap
import os
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class SharedFrame:
    """The arrays of a frame in a file in memory, which both processes have open.

    Attributes:
        pixels: uint8 [height, width, 3], as in `reader.TimedFrame`.
        yuv: uint8 [height × 3 / 2, width], as there.
        picture: what `overlay.FrameOverlay` makes of them, in the layout `colours.YUV`.
    """

    def __init__(self, file: int, frame_size: tuple[int, int], picture_size: tuple[int, int]):
        """Maps the file into this process's memory; makes it larger if it is too small.

        Args:
            file: its descriptor, see `os.memfd_create`.
            frame_size: width and height of the frame, even, pixels.
            picture_size: the same of the picture.
        """
        shapes = (frame_size[1], frame_size[0], 3), _yuv_shape(frame_size), _yuv_shape(picture_size)
        lengths = [int(np.prod(shape)) for shape in shapes]
        if os.fstat(file).st_size < sum(lengths):
            os.ftruncate(file, sum(lengths))
        memory = np.frombuffer(mmap.mmap(file, sum(lengths)), np.uint8)
        parts = np.split(memory, np.cumsum(lengths)[:-1])
        self.pixels: NDArray[np.uint8] = parts[0].reshape(shapes[0])
        self.yuv: NDArray[np.uint8] = parts[1].reshape(shapes[1])
        self.picture: NDArray[np.uint8] = parts[2].reshape(shapes[2])


def _yuv_shape(size: tuple[int, int]) -> tuple[int, int]:
    return size[1] * 3 // 2, size[0]
