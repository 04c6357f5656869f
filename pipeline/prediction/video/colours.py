"""How videos code colours: the matrices of ITU-T H.273, and pictures as planes of brightness and colour (YUV)."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, TypeAlias

import av
from av.video.reformatter import ColorRange

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

YUV = "yuv420p"
"""FFmpeg's name of the layout: the brightness of each pixel, then two planes of colour with half the height and width.
As an array uint8 [height × 3 / 2, width]."""

Planes: TypeAlias = "tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]"
"""Brightness, blue and red difference."""

# Numbers of ITU-T H.273. If a file does not name its matrix, players assume BT.709 from 720 lines on, else BT.601.
_MATRICES = (1, 4, 5, 6, 7, 9)
_BT709, _BT601, _MIN_BT709_HEIGHT = 1, 6, 720


@dataclasses.dataclass(frozen=True)
class Colours:
    """How a video codes colours, in numbers of ITU-T H.273.

    Attributes:
        matrix: how brightness and colour are computed from red, green and blue.
        primaries: which red, green and blue are meant.
        transfer: how the values correspond to light.
    """

    matrix: int
    primaries: int
    transfer: int

    @classmethod
    def of(cls, frame: Any) -> Colours:
        """Returns the coding of a decoded frame; if the file does not name the matrix, the one that players assume."""
        assumed = _BT709 if frame.height >= _MIN_BT709_HEIGHT else _BT601
        matrix = frame.colorspace if frame.colorspace in _MATRICES else assumed
        return cls(matrix, frame.color_primaries, frame.color_trc)


def to_yuv(pixels: NDArray[np.uint8], matrix: int) -> NDArray[np.uint8]:
    """Converts RGB, uint8 [height, width, 3] with even sides, to the layout `YUV`.

    Args:
        pixels: the picture.
        matrix: as in `Colours`.
    """
    return _reformatted(pixels, YUV, matrix)


def yuv_palette(palette: NDArray[np.uint8], matrix: int) -> NDArray[np.uint8]:
    """Converts RGB colours, uint8 [classes, 3], to brightness, blue and red difference, uint8 [classes, 3]."""
    return _reformatted(palette[None], "yuv444p", matrix)[:, 0].T


def _reformatted(pixels: NDArray[np.uint8], pixel_format: str, matrix: int) -> NDArray[np.uint8]:
    frame: Any = av.VideoFrame.from_ndarray(pixels, "rgb24")
    reformatted = frame.reformat(format=pixel_format, dst_colorspace=matrix, dst_color_range=ColorRange.MPEG)
    array: NDArray[np.uint8] = reformatted.to_ndarray()
    return array


def planes_of(picture: NDArray[np.uint8]) -> Planes:
    """Returns the three planes of a picture in the layout `YUV`, as views."""
    height, width = picture.shape[0] * 2 // 3, picture.shape[1]
    blue, red = picture[height:].reshape(2, height // 2, width // 2)
    return picture[:height], blue, red
