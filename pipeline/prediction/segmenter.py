"""Loads a published model as a function of photos: `load_segmenter(path)(photo)`."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from components.saved_model.photo_scores import scores_of_photos, without_padding
from components.saved_model.records_of_model import records_of_model
from components.saved_model.serving_folder import find_saved_model
from components.saved_model.signatures import SCORE_IMAGES_SIGNATURE, check_model
from components.saved_model.upsampling import (
    best_class,
    best_classes,
    finds_sure_pixels_faster,
    resized_class_map,
    resized_rows,
)
from pipeline.prediction.photos.flip_and_scale_averaging import averaged_probabilities
from pipeline.prediction.photos.reading import PhotoError, PhotoSource, read_photo
from pipeline.prediction.photos.tiles import blended_tiles
from pipeline.prediction.segmentation import Segmentation
from tfds_voc_seg.image_limits.limits import MAX_SIDE, longest_side
from tfds_voc_seg.photos import as_array, fit_photo, message_of_tensorflow

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from components.saved_model.description import ModelDescription
    from tfds_voc_seg.geometry import Geometry
    from tfds_voc_seg.image_size import ImageSize
    from tfds_voc_seg.label_set import LabelSet
    from tfds_voc_seg.record_config import RecordConfig

_IMAGES_PER_RUN = 8  # tiles, or versions of a photo, per run of the network
_MAX_ROW_BYTES = 1 << 29  # of the probabilities of a row of tiles
_MAX_KEPT_BYTES = 1 << 28
"""Size of a tiled photo's probabilities up to which they are kept; larger ones are recomputed on access."""


class ModelError(ValueError):
    """A model cannot be used; the message names the model and the reason."""


def load_segmenter(model: str | os.PathLike[str], *, trust: bool = False) -> Segmenter:
    """Loads a model.

    Args:
        model: a SavedModel of this project, a publishing folder (its latest version is used), or a run's output folder.
        trust: also load a model whose graph could reach files, processes or the network.

    Raises:
        ModelError: the model cannot be used.
        ModelNotFoundError: the folder contains no model.
    """
    folder = find_saved_model(model)
    try:
        return Segmenter(folder, check_model(str(folder), load=False, trust=trust))
    except (ValueError, OSError, tf.errors.OpError) as error:
        raise ModelError(f"{model} cannot be used: {message_of_tensorflow(error, 500)}") from error


class Segmenter:
    """A loaded model. Several threads may call its methods at the same time."""

    def __init__(self, folder: Path, description: ModelDescription):
        """Loads the SavedModel of a folder that `check_model` accepted."""
        self._model = tf.saved_model.load(str(folder))  # the reference keeps the variables alive
        self._signature = self._model.signatures[SCORE_IMAGES_SIGNATURE]
        self._description = description

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
        return self.segment_photos([read_photo(image, self.max_side(tile))], tta=tta, tile=tile)[0]

    def max_side(self, tile: int | None = None) -> int:
        """Returns the pixels that a side of a photo may have; resizing a longer one takes too much memory.

        Args:
            tile: as for `__call__`; in tiles the photo is not resized as a whole.
        """
        return MAX_SIDE if tile is not None else longest_side(self.geometry.resizing_side)

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
        """
        if tile is not None and tile < 1:
            raise ValueError(f"the side of a tile must be at least 1 pixel, not {tile}")
        whole = [photo for photo in photos if tile is None or max(photo.shape[:2]) <= tile]
        segmented = {
            id(photo): self._segmentation(photo, output)
            for photo, output in zip(whole, self._outputs(whole, tta), strict=True)
        }
        return [segmented.get(id(photo)) or self._segment_tiled(photo, tta, tile or 0) for photo in photos]

    def segment_batch(self, images: Sequence[NDArray[np.uint8]] | NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Segments frames of the same size in one run of the network.

        Args:
            images: uint8 [frames, height, width, 3], or a sequence of arrays [height, width, 3].

        Returns:
            Class maps, uint8 [frames, height, width].
        """
        frames = np.asarray(images)
        if frames.shape[0] == 0:
            return np.zeros(frames.shape[:3], np.uint8)
        height, width = frames.shape[1:3]
        scores = scores_of_photos(tf.constant(frames), self.geometry, self._network)
        best: Sequence[NDArray[np.uint8] | None] = [None] * len(frames)
        if finds_sure_pixels_faster(scores.shape[1:3], height, width):
            best = best_classes(scores).numpy()
        each = zip(as_array(scores), best, strict=True)
        return np.stack([resized_class_map(frame, height, width, frame_best) for frame, frame_best in each])

    def _outputs(self, photos: Sequence[NDArray[np.uint8]], tta: bool) -> list[_NetworkOutput]:
        if not photos:
            return []
        if tta:
            averaged = (averaged_probabilities(photo, self.geometry, self._score) for photo in photos)
            return [_NetworkOutput(probabilities, linear=False) for probabilities in averaged]
        if self.geometry.resize == "crop":  # photos of different sizes have different numbers of windows
            each = (scores_of_photos(tf.constant(photo[np.newaxis]), self.geometry, self._network) for photo in photos)
            return [_NetworkOutput(scores[0], linear=True) for scores in each]
        scores = self._network(tf.stack([fit_photo(tf.constant(photo), self.geometry) for photo in photos]))
        of_photos = (
            without_padding(of_photo, self.geometry, photo.shape[:2])
            for of_photo, photo in zip(scores, photos, strict=True)
        )
        return [_NetworkOutput(of_photo, linear=True) for of_photo in of_photos]

    def _segmentation(self, photo: NDArray[np.uint8], output: _NetworkOutput) -> Segmentation:
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

    def _score(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Returns the scores of images of the network's input size."""
        return np.concatenate([self._network(tf.constant(np.stack(part))) for part in _parts(images)])

    def _network(self, images: tf.Tensor) -> tf.Tensor:
        return self._signature(images=images)["scores"]


@dataclasses.dataclass(frozen=True)
class _NetworkOutput:
    """The network's output for one photo.

    Attributes:
        values: float32 [rows, columns, classes].
        linear: whether the values are linear scores; otherwise they are probabilities.
    """

    values: Any
    linear: bool

    def probability_rows(self, height: int, width: int) -> Iterator[NDArray[np.float32]]:
        """Resizes to the probabilities of each pixel; yields the next rows, float32 [rows, width, classes]."""
        for rows in resized_rows(as_array(tf.convert_to_tensor(self.values)), height, width):
            yield as_array(tf.nn.softmax(rows)) if self.linear else rows


def _turned(image: NDArray[Any]) -> NDArray[Any]:
    """Exchanges the rows and the columns of an image [height, width, channels]."""
    return image.swapaxes(0, 1)


def _parts(images: Sequence[NDArray[np.uint8]]) -> list[Sequence[NDArray[np.uint8]]]:
    return [images[first : first + _IMAGES_PER_RUN] for first in range(0, len(images), _IMAGES_PER_RUN)]
