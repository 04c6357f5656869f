"""Frame and class map → the picture that is written, in H.264's own layout: no frame is turned into RGB and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange

from pipeline.prediction.painting import FixedLegend, Painter
from pipeline.prediction.video.options import VideoOptions

YUV = "yuv420p"
"""Brightness of each pixel, then two planes of colour of half the sides: an array uint8 [height × 3 / 2, width]."""


def to_yuv(pixels: np.ndarray, matrix: int) -> np.ndarray:
    """RGB, uint8 [height, width, 3] with even sides → YUV.

    Args:
        pixels: the picture.
        matrix: how brightness and colour are computed, a number of ITU-T H.273.
    """
    return _reformatted(pixels, YUV, matrix)


def _reformatted(pixels: np.ndarray, pixel_format: str, matrix: int) -> np.ndarray:
    frame: Any = av.VideoFrame.from_ndarray(pixels, "rgb24")
    return frame.reformat(format=pixel_format, dst_colorspace=matrix, dst_color_range=ColorRange.MPEG).to_ndarray()


def planes_of(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The three planes of a YUV picture, as views."""
    height, width = picture.shape[0] * 2 // 3, picture.shape[1]
    blue, red = picture[height:].reshape(2, height // 2, width // 2)
    return picture[:height], blue, red


class Composition:
    """Lays class maps over frames and puts the legend below.

    Attributes:
        size: width and height of the pictures.
    """

    def __init__(
        self,
        class_names: Sequence[str],
        palette: Sequence[tuple[int, int, int]],
        options: VideoOptions,
        size: tuple[int, int],
        matrix: int,
    ):
        """Prepares the tables; `size` is width and height of the frames, `matrix` as `to_yuv` takes it."""
        colours = np.asarray(palette, np.uint8)[np.newaxis]
        in_yuv = _reformatted(colours, "yuv444p", matrix)[:, 0].T  # [classes, 3]
        self._paint = Painter(in_yuv.tolist(), alpha=options.alpha, contours=options.contours)
        self._legend = FixedLegend(class_names, palette, size[0], lambda strip: to_yuv(strip, matrix))
        self._legend_height = self._legend.height if options.legend else 0
        self.size = size[0], size[1] + self._legend_height

    def __call__(self, yuv: np.ndarray, class_map: np.ndarray) -> np.ndarray:
        """Gives the picture.

        Args:
            yuv: the frame.
            class_map: uint8 [height, width], indices into the palette.
        """
        picture = np.empty((self.size[1] * 3 // 2, self.size[0]), np.uint8)
        planes = planes_of(yuv)
        self._paint.paint(
            planes, class_map, [out[: len(plane)] for out, plane in zip(planes_of(picture), planes, strict=True)]
        )
        if self._legend_height:
            for out, plane, strip in zip(planes_of(picture), planes, planes_of(self._legend(class_map)), strict=True):
                out[len(plane) :] = strip
        return picture
