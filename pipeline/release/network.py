"""Creates a network of Keras from a SavedModel of this project, with the same weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from components.networks import create_network
from components.run_files import VARIABLES_FOLDER
from components.saved_model.description import ModelDescription, read_description
from components.saved_model.export import with_flip_averaging
from components.saved_model.signatures import SCORE_IMAGES_SIGNATURE
from components.training.background_classes import add_background_classes, with_background_merged

if TYPE_CHECKING:
    from pathlib import Path

    import keras

_TOLERANCE = 1e-3
"""The scores of the two may differ by this fraction: they are not computed by the same sequence of operations."""


class ReleaseError(ValueError):
    """A model cannot be released; the message says why."""


def restore_network(folder: Path) -> keras.Model:
    """Creates the network that was trained, without the averaging over flips and the merging that its export added.

    Args:
        folder: the SavedModel.

    Raises:
        ReleaseError: the network cannot be created any more, or does not compute the SavedModel's scores.
    """
    try:
        description = read_description(folder)
        network, exported = _create(description)
        checkpoint = tf.train.Checkpoint(_network=exported)  # as `export_saved_model` stores it
        restored = checkpoint.read(str(folder / VARIABLES_FOLDER / "variables"))
        restored.assert_existing_objects_matched().expect_partial()
    except (ValueError, AssertionError, tf.errors.OpError) as error:
        reason = (str(error).splitlines() or [""])[0]
        raise ReleaseError(f"the network of {folder} cannot be created again: {reason}") from error
    _compare_scores(folder, exported, description.geometry.sides)
    return network


def _create(description: ModelDescription) -> tuple[keras.Model, keras.Model]:
    """Creates the network with random weights, and the one around it that was exported."""
    training, names = description.training, description.class_names  # other versions have other settings of training
    if training.get("learn_background_classes") and description.records is not None:
        names = add_background_classes(names, description.records.labels)
    options = {**description.options, **({"weights": None} if "weights" in description.options else {})}
    network = create_network(description.network, image_size=description.image_size, num_classes=len(names), **options)
    exported = network
    if training.get("learn_background_classes"):
        exported = with_background_merged(exported, len(description.class_names))
    if training.get("flip_averaging"):
        exported = with_flip_averaging(exported)
    return network, exported


def _compare_scores(folder: Path, exported: keras.Model, sides: tuple[int, int]) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (1, *sides, 3), np.uint8)
    model = tf.saved_model.load(str(folder))
    expected = model.signatures[SCORE_IMAGES_SIGNATURE](images=tf.constant(photo))["scores"].numpy()
    found = np.asarray(exported(photo.astype(np.float32), training=False), np.float32)
    if np.abs(found - expected).max() > _TOLERANCE * max(1.0, float(np.abs(expected).max())):
        raise ReleaseError(f"the code of the network has changed since {folder} was trained: its scores differ now")
