"""A published model as a function of photos: `load_segmenter(path)(photo)`."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from components.saved_model.description import ModelDescription
from components.saved_model.serving_folder import find_saved_model
from components.saved_model.signatures import SCORE_IMAGES_SIGNATURE, check_model
from pipeline.prediction.photos.augmentation import augmented_probabilities
from pipeline.prediction.photos.reading import PhotoSource, read_photo
from pipeline.prediction.photos.upsampling import (
    as_array,
    best_class,
    best_classes,
    resized_class_map,
    worth_looking_for_sure_pixels,
)
from pipeline.prediction.photos.windows import blended
from pipeline.prediction.segmentation import Segmentation
from tfds_voc_seg.photos import resize_photo

_IMAGES_AT_ONCE = 8  # in one run of the network, of windows and of versions of a photo
_KEPT_BYTES = 1 << 28  # of a tiled photo's probabilities; larger ones are computed again when they are asked for


class ModelError(ValueError):
    """A model that can't be used; the message says which and why."""


def load_segmenter(model: str | os.PathLike[str]) -> Segmenter:
    """Loads a model.

    Args:
        model: a SavedModel of this project, a publishing folder (its latest version), or a run's output folder.

    Raises:
        ModelError: it can't be used.
        ModelNotFoundError: there is none.
    """
    folder = find_saved_model(model)
    try:
        return Segmenter(folder, check_model(str(folder), load=False))
    except (ValueError, OSError, tf.errors.OpError) as error:
        reason = " ".join(str(error).split())[:300]
        raise ModelError(f"{model} can't be used: {reason}") from error


class Segmenter:
    """A model in memory. Its methods may be called from several threads at once."""

    def __init__(self, folder: Path, description: ModelDescription):
        """Loads the SavedModel of a folder that `check_model` found good."""
        self._model = tf.saved_model.load(str(folder))  # owns the variables
        self._signature = self._model.signatures[SCORE_IMAGES_SIGNATURE]
        self._description = description

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the class ids, background first."""
        return self._description.class_names

    @property
    def palette(self) -> list[tuple[int, int, int]]:
        """A colour for each class id, red, green and blue, 0 to 255; VOC's own where VOC has the class."""
        return self._description.palette

    @property
    def image_size(self) -> int:
        """Height and width of the network's input, pixels."""
        return self._description.image_size

    def __call__(self, image: PhotoSource, *, tta: bool = False, tile: int | None = None) -> Segmentation:
        """Segments a photo.

        Args:
            image: an array, an image of PIL, a path, or a file's bytes: see `photos.read_photo`.
            tta: average the probabilities over mirrored and scaled versions of the photo.
            tile: work through a photo that is larger than this in overlapping tiles of that many pixels a side, each as
                if it were a photo, and blend what comes out.

        Raises:
            PhotoError: the image can't be used.
        """
        return self.segment_photos([read_photo(image)], tta=tta, tile=tile)[0]

    def segment_photos(
        self, photos: Sequence[np.ndarray], *, tta: bool = False, tile: int | None = None
    ) -> list[Segmentation]:
        """Segments photos, of any sizes, in one run of the network where they are neither tiled nor augmented.

        Args:
            photos: uint8 [height, width, 3] each.
            tta: as above.
            tile: as above.
        """
        if tile is not None and tile < 1:
            raise ValueError(f"a tile has at least 1 pixel a side, not {tile}")
        whole = [photo for photo in photos if tile is None or max(photo.shape[:2]) <= tile]
        segmented = {
            id(photo): self._segmentation(photo, grid)
            for photo, grid in zip(whole, self._grids(whole, tta), strict=True)
        }
        return [segmented.get(id(photo)) or self._segment_tiled(photo, tta, tile or 0) for photo in photos]

    def segment_batch(self, images: Sequence[np.ndarray] | np.ndarray) -> np.ndarray:
        """Segments frames of one size, in one run of the network.

        Args:
            images: uint8 [frames, height, width, 3], or that many arrays [height, width, 3].

        Returns:
            Class maps, uint8 [frames, height, width].
        """
        frames = np.asarray(images)
        if frames.shape[0] == 0:
            return np.zeros(frames.shape[:3], np.uint8)
        height, width = frames.shape[1:3]
        scores = self._signature(images=resize_photo(tf.constant(frames), self.image_size))["scores"]
        best: Sequence[np.ndarray | None] = [None] * len(frames)
        if worth_looking_for_sure_pixels(scores.shape[1:3], height, width):
            best = best_classes(scores).numpy()
        each = zip(as_array(scores), best, strict=True)
        return np.stack([resized_class_map(frame, height, width, sure) for frame, sure in each])

    def _grids(self, photos: Sequence[np.ndarray], tta: bool) -> list[_Grid]:
        if not photos:
            return []
        if tta:
            return [_Grid(augmented_probabilities(photo, self.image_size, self._score), False) for photo in photos]
        resized = [resize_photo(tf.constant(photo), self.image_size) for photo in photos]
        return [_Grid(scores, True) for scores in self._signature(images=tf.stack(resized))["scores"]]

    def _segmentation(self, photo: np.ndarray, grid: _Grid) -> Segmentation:
        height, width = photo.shape[:2]
        class_map = resized_class_map(grid.values, height, width)
        return Segmentation(photo, class_map, self.class_names, lambda: grid.probabilities(height, width))

    def _segment_tiled(self, photo: np.ndarray, tta: bool, tile: int) -> Segmentation:
        def probabilities_of(tiles: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
            for part in _parts(tiles):
                for grid in self._grids(part, tta):
                    yield grid.probabilities(*tiles[0].shape[:2])

        keep = photo.shape[0] * photo.shape[1] * len(self.class_names) * 4 <= _KEPT_BYTES
        kept: list[np.ndarray] = []
        class_map = []
        for rows in blended(photo, tile, probabilities_of):
            class_map.append(best_class(rows))
            if keep:
                kept.append(rows)
        return Segmentation(
            photo,
            np.concatenate(class_map),
            self.class_names,
            lambda: np.concatenate(kept or [*blended(photo, tile, probabilities_of)]),
        )

    def _score(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """Scores images of the network's size."""
        return np.concatenate(
            [self._signature(images=tf.constant(np.stack(part)))["scores"] for part in _parts(images)]
        )


@dataclasses.dataclass(frozen=True)
class _Grid:
    """What the network says of a photo: float32 [rows, columns, classes], linear scores or probabilities."""

    values: tf.Tensor
    linear: bool

    def probabilities(self, height: int, width: int) -> np.ndarray:
        resized = tf.image.resize(self.values, (height, width))
        return (tf.nn.softmax(resized) if self.linear else resized).numpy()


def _parts(images: Sequence[np.ndarray]) -> list[Sequence[np.ndarray]]:
    return [images[first : first + _IMAGES_AT_ONCE] for first in range(0, len(images), _IMAGES_AT_ONCE)]
