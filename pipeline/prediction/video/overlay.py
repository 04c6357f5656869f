"""Paints class maps over video frames in YUV, H.264's own layout: no frame is converted to RGB and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pipeline.prediction.painting import Painter
from pipeline.prediction.video.colours import planes_of, to_yuv, yuv_palette
from tfds_voc_seg.pictures import legend, legend_areas

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from pipeline.prediction.video.options import VideoOptions
    from tfds_voc_seg.label_set import LabelSet

_LEGEND_WIDTH = 640  # pixels; the legend of wider frames is enlarged
_MAX_CACHED_STRIPS = 64  # converted legends in memory; the classes in a frame seldom change


class FixedLegend:
    """A legend of constant size: it names all classes, and those that are not in the frame are pale.

    Attributes:
        height: of a strip, pixels.
    """

    def __init__(
        self,
        channels: LabelSet,
        width: int,
        convert: Callable[[NDArray[np.uint8]], NDArray[np.uint8]] = np.asarray,
    ):
        """Computes the size of the strip.

        Args:
            channels: the classes with their colours.
            width: of the frames, pixels.
            convert: converts each drawn strip, uint8 [height, width, 3], RGB; the converted strips are cached.
        """
        self._convert = convert
        self._channels = channels
        scale = max(1.0, width / _LEGEND_WIDTH)
        self._areas = legend_areas(channels.names, width, channels, scale=scale)
        self._full, self._pale = (
            legend(channels.names, width, channels, present=present, scale=scale) for present in (None, ())
        )
        self._strips: dict[frozenset[str], NDArray[np.uint8]] = {}
        self.height = len(self._pale)

    def __call__(self, class_map: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Returns the strip for a frame with this class map."""
        ids = class_map.tobytes()  # searching it for an id is faster than counting all ids
        seen = frozenset(name for number, name in enumerate(self._channels.names) if number in ids)
        strip = self._strips.get(seen)
        if strip is None:
            if len(self._strips) > _MAX_CACHED_STRIPS:
                self._strips.clear()
            strip = self._strips[seen] = self._convert(self._strip(seen))
        return strip

    def _strip(self, seen: frozenset[str]) -> NDArray[np.uint8]:
        strip = self._pale.copy()  # drawing the names again takes ten times as long as copying them
        for name, area in self._areas.items():
            if name in seen:
                strip[area] = self._full[area]
        return strip


class FrameOverlay:
    """Paints class maps over frames and adds the legend below.

    Attributes:
        size: width and height of the result, pixels.
    """

    def __init__(
        self,
        channels: LabelSet,
        options: VideoOptions,
        frame_size: tuple[int, int],
        matrix: int,
    ):
        """Prepares the tables.

        Args:
            channels: the classes with their colours.
            options: `alpha`, `contours` and `legend` are used.
            frame_size: width and height of the frames, pixels.
            matrix: of the frames, see `Colours`.
        """
        colours = yuv_palette(np.asarray(channels.colors, np.uint8), matrix)
        self._painter = Painter(
            colours.tolist(),
            has_background=channels.background is not None,
            alpha=options.alpha,
            contours=options.contours,
        )
        self._legend = FixedLegend(channels, frame_size[0], lambda strip: to_yuv(strip, matrix))
        self._legend_height = self._legend.height if options.legend else 0
        self.size = frame_size[0], frame_size[1] + self._legend_height

    def __call__(self, yuv: NDArray[np.uint8], class_map: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Returns the painted picture in the layout `colours.YUV`.

        Args:
            yuv: the frame, in the same layout.
            class_map: uint8 [height, width], indices into the palette.
        """
        picture = np.empty((self.size[1] * 3 // 2, self.size[0]), np.uint8)
        planes = planes_of(yuv)
        painted = [out[: len(plane)] for out, plane in zip(planes_of(picture), planes, strict=True)]
        self._painter.paint(planes, class_map, painted)
        if self._legend_height:
            for out, plane, strip in zip(planes_of(picture), planes, planes_of(self._legend(class_map)), strict=True):
                out[len(plane) :] = strip
        return picture
