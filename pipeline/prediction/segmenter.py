"""Loads a published model as a function of photos: `load_segmenter(path)(photo)`."""

from __future__ import annotations

import dataclasses
import math
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from components.saved_model.records_of_model import records_of_model
from components.saved_model.upsampling import best_class, resized_class_map, resized_rows
from components.targets.network import available_cores
from pipeline.engines.selection import choose_engine, find_model, load_engine
from pipeline.prediction.photos.flip_and_scale_averaging import SCALES, averaged_probabilities
from pipeline.prediction.photos.reading import PhotoError, PhotoSource, read_photo
from pipeline.prediction.photos.tiles import blended_tiles
from pipeline.prediction.probabilities import log_probabilities, softmax
from pipeline.prediction.segmentation import Segmentation
from tfds_voc_seg.image_limits.limits import MAX_SIDE, longest_side

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from components.saved_model.description import ModelDescription
    from pipeline.engines.engine import Engine, EngineName
    from tfds_voc_seg.geometry import Geometry
    from tfds_voc_seg.image_size import ImageSize
    from tfds_voc_seg.label_set import LabelSet
    from tfds_voc_seg.record_config import RecordConfig

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

_IMAGES_PER_RUN = 8  # tiles, or versions of a photo, per run of the network
_MAX_ROW_BYTES = 1 << 29  # of the probabilities of a row of tiles
_MAX_KEPT_BYTES = 1 << 28
"""Size of a tiled photo's probabilities up to which they are kept; larger ones are recomputed on access."""


def load_segmenter(model: str | os.PathLike[str], *, trust: bool = False, engine: str = "tensorflow") -> Segmenter:
    """Loads a model.

    Args:
        model: a SavedModel of this project, a publishing folder (its latest version is used), a run's output folder, or
            the folder of an export target.
        trust: also load a model whose graph could reach files, processes or the network.
        engine: what runs the network: `tensorflow`, `litert`, `onnx`, or `auto` for the fastest one that the model and
            this machine have, see `engines.selection`.

    Raises:
        ModelError: the model cannot be used, or not with this engine.
        ModelNotFoundError: the folder contains no model.
    """
    files = find_model(model)
    return Segmenter(*load_engine(files, choose_engine(files, engine, trust=trust), trust=trust))


class Segmenter:
    """A loaded model. Several threads may call its methods at the same time."""

    def __init__(self, engine: Engine, description: ModelDescription):
        """Combines an engine, which has loaded a network, with the description of its model."""
        self._engine, self._description = engine, description
        self._workers = ThreadPoolExecutor(available_cores(), "segmenter")

    @property
    def engine(self) -> EngineName:
        """The name of the engine that runs the network."""
        return self._engine.name

    @property
    def batches_at_once(self) -> int:
        """How many batches to give to `map_class_maps` at the same time, so that all cores are busy.

        TensorFlow divides each operation among the cores; where one of them waits, it works on a second batch.
        """
        return 2 if self.engine == "tensorflow" else 1

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the class ids; the background first, if there is one."""
        return self._description.class_names

    @property
    def channels(self) -> LabelSet:
        """The classes: names, ids in masks, colours, and which is the background."""
        return self._description.channels

    @property
    def palette(self) -> tuple[tuple[int, int, int], ...]:
        """A colour per class id, red, green and blue, 0 to 255: that of the dataset's label set."""
        return self._description.channels.colors

    def records_on(self, labels: LabelSet) -> RecordConfig:
        """Returns how the masks of a devkit with this label set become the model's class maps.

        Raises:
            ValueError: the label set does not have the model's classes.
        """
        return records_of_model(self._description, labels)

    @property
    def geometry(self) -> Geometry:
        """How photos are resized for the network."""
        return self._description.geometry

    @property
    def image_size(self) -> ImageSize:
        """Size of the network's input, pixels: one number for a square, or height and width."""
        return self._description.image_size

    def __call__(self, image: PhotoSource, *, tta: bool = False, tile: int | None = None) -> Segmentation:
        """Segments a photo.

        Args:
            image: an array, a PIL image, a path, or a file's bytes: see `photos.reading.read_photo`.
            tta: average the probabilities over mirrored and scaled versions of the photo.
            tile: split a photo that is larger than this into overlapping tiles with sides of this many pixels, segment
                each tile like a photo, and blend the results.

        Raises:
            PhotoError: the image cannot be used.
        """
        return self.segment_photos([self.read(image, tile, tta=tta)], tta=tta, tile=tile)[0]

    def read(self, image: PhotoSource, tile: int | None = None, *, tta: bool = False) -> NDArray[np.uint8]:
        """Reads a photo with the engine's decoder, uint8 [height, width, 3].

        Args:
            image: as for `__call__`.
            tile: as for `__call__`. In tiles the photo is not resized as a whole; otherwise a side that would take too
                much memory is refused.
            tta: as for `__call__`. One of the versions is larger than the network's image.

        Raises:
            PhotoError: the image cannot be used.
        """
        side = math.ceil((max(SCALES) if tta else 1) * self.geometry.resizing_side)
        max_side = MAX_SIDE if tile is not None else longest_side(side)
        return read_photo(image, self._engine.decode, max_side)

    def segment_photos(
        self, photos: Sequence[NDArray[np.uint8]], *, tta: bool = False, tile: int | None = None
    ) -> list[Segmentation]:
        """Segments photos of any sizes; those that are neither tiled nor augmented share one run of the network.

        Args:
            photos: uint8 [height, width, 3] each.
            tta: as for `__call__`.
            tile: as for `__call__`.

        Raises:
            PhotoError: a row of tiles needs too much memory.
            EngineError: the network failed.
        """
        if tile is not None and tile < 1:
            raise ValueError(f"the side of a tile must be at least 1 pixel, not {tile}")
        whole = [photo for photo in photos if tile is None or max(photo.shape[:2]) <= tile]
        results = self._map(self._segmentation, [*zip(whole, self._outputs(whole, tta), strict=True)])
        segmented = {id(result.photo): result for result in results}
        return [segmented.get(id(photo)) or self._segment_tiled(photo, tta, tile or 0) for photo in photos]

    def segment_batch(self, images: Sequence[NDArray[np.uint8]] | NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Segments frames of the same size in one run of the network.

        Args:
            images: uint8 [frames, height, width, 3], or a sequence of arrays [height, width, 3].

        Returns:
            Class maps, uint8 [frames, height, width].
        """
        if len(images) == 0:
            return np.zeros(np.shape(images)[:3], np.uint8)
        return np.stack(self.map_class_maps([*images], lambda _, class_map: class_map))

    def map_class_maps(
        self, images: Sequence[NDArray[np.uint8]], function: Callable[[int, NDArray[np.uint8]], _Result]
    ) -> list[_Result]:
        """Segments frames of the same size in one run, and calls a function with each class map.

        Args:
            images: uint8 [height, width, 3] each; at least one.
            function: of the frame's number and its class map, uint8 [height, width]; is called for several frames at
                the same time, in threads that do this as soon as they have a frame's scores.

        Returns:
            The results, in the order of the frames.

        Raises:
            EngineError: the network failed.
        """
        geometry = self.geometry
        if geometry.resize == "crop":
            class_maps = [result.class_map for result in self.segment_photos(images)]
            return [*self._workers.map(function, range(len(class_maps)), class_maps)]
        height, width = images[0].shape[:2]
        area = _area_of_photo(geometry, height, width)

        def result(number: int, scores: NDArray[np.float32]) -> _Result:
            return function(number, resized_class_map(scores[area], height, width))

        fitted = self._map(lambda image: self._engine.fit(image, geometry), images)
        return self._engine.map_scores(np.stack(fitted), result)

    def _map(self, function: Callable[[_Item], _Result], items: Sequence[_Item]) -> list[_Result]:
        """Calls a function of numpy's for each item, several at the same time: numpy itself uses one core."""
        if len(items) == 1:
            return [function(items[0])]
        return [*self._workers.map(function, items)]

    def _outputs(self, photos: Sequence[NDArray[np.uint8]], tta: bool) -> list[_NetworkOutput]:
        if not photos:
            return []
        geometry = self.geometry
        if tta:
            averaged = (averaged_probabilities(photo, geometry, self._engine, self._probabilities) for photo in photos)
            return [_NetworkOutput(probabilities, linear=False) for probabilities in averaged]
        images = self._map(lambda photo: self._engine.fit(photo, geometry), photos)
        if geometry.resize == "crop":  # images of different sizes, with different numbers of windows
            scores = [self._scores_of_windows(image) for image in images]
        else:
            scores = [*self._engine.scores(np.stack(images))]
        return [
            _NetworkOutput(of_image[_area_of_photo(geometry, *photo.shape[:2])], linear=True)
            for of_image, photo in zip(scores, photos, strict=True)
        ]

    def _scores_of_windows(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Runs the network on windows of an image, uint8 [rows, columns, 3] → float32 [rows, columns, classes]."""
        windows = blended_tiles(image, self.geometry.image_size, self._probabilities)
        return log_probabilities(np.concatenate([*windows]))

    def _probabilities(self, images: Sequence[NDArray[np.uint8]]) -> Iterator[NDArray[np.float32]]:
        """Yields the probabilities of images of the network's size, float32 [height, width, classes] each."""
        for part in _parts(images):
            yield from softmax(self._engine.scores(np.stack(part)))

    def _segmentation(self, photo_and_output: tuple[NDArray[np.uint8], _NetworkOutput]) -> Segmentation:
        photo, output = photo_and_output
        height, width = photo.shape[:2]
        class_map = resized_class_map(output.values, height, width)
        return Segmentation(photo, class_map, self.channels, lambda: output.probability_rows(height, width))

    def _segment_tiled(self, photo: NDArray[np.uint8], tta: bool, tile: int) -> Segmentation:
        def probabilities_of(tiles: Sequence[NDArray[np.uint8]]) -> Iterator[NDArray[np.float32]]:
            for part in _parts(tiles):
                for output in self._outputs(part, tta):
                    yield np.concatenate([*output.probability_rows(*tiles[0].shape[:2])])

        def turned_probabilities_of(tiles: Sequence[NDArray[np.uint8]]) -> Iterator[NDArray[np.float32]]:
            return map(_turned, probabilities_of([*map(_turned, tiles)]))

        def probability_rows() -> Iterator[NDArray[np.float32]]:
            self._check_row_of_tiles(photo.shape, tile)
            return blended_tiles(photo, tile, probabilities_of)

        height, width = photo.shape[:2]
        if self._row_bytes(photo.shape, tile) > _MAX_ROW_BYTES and width > height:
            # A row of the turned photo is shorter.
            self._check_row_of_tiles((width, height), tile)
            columns = [best_class(part) for part in blended_tiles(_turned(photo), tile, turned_probabilities_of)]
            return Segmentation(photo, np.concatenate(columns).T.copy(), self.channels, probability_rows)
        keep = height * width * len(self.class_names) * 4 <= _MAX_KEPT_BYTES
        kept: list[NDArray[np.float32]] = []
        class_map = []
        for rows in probability_rows():
            class_map.append(best_class(rows))
            if keep:
                kept.append(rows)
        rows_again = (lambda: iter(kept)) if keep else probability_rows
        return Segmentation(photo, np.concatenate(class_map), self.channels, rows_again)

    def _row_bytes(self, shape: Sequence[int], tile: int) -> int:
        """Returns the memory of the probabilities of a row of tiles."""
        return min(tile, shape[0]) * shape[1] * len(self.class_names) * 4

    def _check_row_of_tiles(self, shape: Sequence[int], tile: int) -> None:
        needed = self._row_bytes(shape, tile)
        if needed > _MAX_ROW_BYTES:
            raise PhotoError(
                f"needs {needed >> 20:,} MiB for a row of tiles, and {_MAX_ROW_BYTES >> 20:,} MiB are allowed: "
                "choose smaller tiles with --tile-size, or make the photo smaller"
            )


@dataclasses.dataclass(frozen=True)
class _NetworkOutput:
    """The network's output for one photo.

    Attributes:
        values: float32 [rows, columns, classes].
        linear: whether the values are linear scores; otherwise they are probabilities.
    """

    values: NDArray[np.float32]
    linear: bool

    def probability_rows(self, height: int, width: int) -> Iterator[NDArray[np.float32]]:
        """Resizes to the probabilities of each pixel; yields the next rows, float32 [rows, width, classes]."""
        for rows in resized_rows(self.values, height, width):
            yield softmax(rows) if self.linear else rows


def _area_of_photo(geometry: Geometry, height: int, width: int) -> tuple[slice, slice]:
    """Returns the rows and columns of the network's image in which a photo of this size lies."""
    rows, columns = size = geometry.resized(height, width)
    top, left = geometry.offset(size)
    return slice(top, top + rows), slice(left, left + columns)


def _turned(image: NDArray[Any]) -> NDArray[Any]:
    """Exchanges the rows and the columns of an image [height, width, channels]."""
    return image.swapaxes(0, 1)


def _parts(images: Sequence[NDArray[np.uint8]]) -> list[Sequence[NDArray[np.uint8]]]:
    return [images[first : first + _IMAGES_PER_RUN] for first in range(0, len(images), _IMAGES_PER_RUN)]
