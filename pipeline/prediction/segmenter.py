"""A published model as a function of photos: `load_segmenter(path)(photo)`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from components.segmentation_evaluator.segmentation import check_model
from components.segmentation_trainer.export import SCORE_IMAGES_SIGNATURE
from components.segmentation_trainer.model_description import ModelDescription
from pipeline.prediction.photos import PhotoSource, read_photo
from pipeline.prediction.segmentation import Palette, Segmentation
from pipeline.saved_models import find_saved_model
from tfds_voc_seg.encoding import resize_photo


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
        description = check_model(str(folder), load=False)
        return Segmenter(folder, description)
    except (ValueError, OSError, tf.errors.OpError) as error:
        reason = " ".join(str(error).split())[:300]
        raise ModelError(f"{model} can't be used: {reason}") from error


class Segmenter:
    """A model in memory. Its methods may be called from several threads at once."""

    def __init__(self, folder: Path, description: ModelDescription):
        """Loads the SavedModel of a folder that `check_model` found good."""
        self._model = tf.saved_model.load(str(folder))  # owns the variables
        self._score = self._model.signatures[SCORE_IMAGES_SIGNATURE]
        self._description = description

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the class ids, background first."""
        return self._description.class_names

    @property
    def palette(self) -> Palette:
        """A colour for each class id, red, green and blue, 0 to 255."""
        return tuple(self._description.palette)

    @property
    def image_size(self) -> int:
        """Height and width of the network's input, pixels."""
        return self._description.image_size

    def __call__(self, image: PhotoSource, *, tta: bool = False, tile: int | None = None) -> Segmentation:
        """Segments a photo.

        Args:
            image: see `photos.read_photo`.
            tta: average the probabilities over mirrored and scaled versions of the photo.
            tile: cut the photo into overlapping tiles of this many pixels a side, and blend what comes out.

        Raises:
            PhotoError: the image can't be used.
        """
        photo = read_photo(image)
        resized = resize_photo(tf.constant(photo), self.image_size)
        scores = self._score(images=resized[tf.newaxis])["scores"]
        size = photo.shape[:2]
        return Segmentation(
            photo,
            tf.cast(tf.argmax(tf.image.resize(scores, size)[0], axis=-1), tf.uint8).numpy(),
            self.class_names,
            self.palette,
            lambda: tf.nn.softmax(tf.image.resize(scores, size)[0]).numpy(),
        )

    def segment_batch(self, images: Sequence[np.ndarray] | np.ndarray) -> np.ndarray:
        """Segments frames of one size, in one run of the network.

        Args:
            images: uint8 [frames, height, width, 3], or that many arrays [height, width, 3].

        Returns:
            Class maps, uint8 [frames, height, width].
        """
        frames = tf.constant(np.asarray(images))
        scores = self._score(images=resize_photo(frames, self.image_size))["scores"]
        return tf.cast(tf.argmax(tf.image.resize(scores, frames.shape[1:3]), axis=-1), tf.uint8).numpy()
