"""SavedModels on decoded images in memory, with counts in numpy and OpenCV, for comparison with the evaluation.

The boundary counts follow the code of Cheng et al., "Boundary IoU", CVPR 2021: one mask per class, eroded.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np
import tensorflow as tf
from PIL import Image

from tfds_voc_seg.labels import VOC_CLASSES, VOID

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray


def read_class_map(mask: str, classes: Sequence[str]) -> NDArray[np.uint8]:
    """Reads a mask of VOC as the ids of some classes, counted from 1; the others are background.

    Args:
        mask: path of the PNG.
        classes: names of the classes.

    Returns:
        uint8 [height, width], 255 for void.
    """
    table = np.zeros(256, np.uint8)
    table[VOID] = VOID
    for label, name in enumerate(classes, start=1):
        table[VOC_CLASSES.index(name)] = label
    with Image.open(mask) as image:
        indices: NDArray[np.uint8] = np.asarray(image)
    return np.take(table, indices)


def pixel_counts(truth: NDArray[np.uint8], predicted: NDArray[np.uint8], classes: int) -> NDArray[np.int64]:
    """Counts the pixels of a class map that are not void in the truth.

    Args:
        truth: uint8 [height, width], class ids and 255 for void.
        predicted: uint8 [height, width], class ids.
        classes: K.

    Returns:
        int64 [K, K + 3]: the confusion matrix; the pixels near the contours in both, in the truth, in the prediction.
    """
    valid = truth != VOID
    confusion = np.bincount(truth[valid].astype(np.int64) * classes + predicted[valid], minlength=classes**2)
    boundary = np.zeros((classes, 3), np.int64)
    for label in range(classes):
        in_truth, in_prediction = (_near_contour(maps == label) & valid for maps in (truth, predicted))
        boundary[label] = (in_truth & in_prediction).sum(), in_truth.sum(), in_prediction.sum()
    return np.concatenate([confusion.reshape(classes, classes), boundary], axis=1)


def _near_contour(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    distance = max(1, round(0.02 * math.hypot(*mask.shape)))
    padded = cv2.copyMakeBorder(mask.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    eroded = cv2.erode(padded, np.ones((3, 3), np.uint8), iterations=distance)[1:-1, 1:-1]
    near: NDArray[np.bool_] = mask & (eroded == 0)
    return near


class BareEvaluation:
    """Models and images in memory."""

    def __init__(
        self,
        models: Sequence[Path],
        images: NDArray[np.uint8],
        truth: NDArray[np.uint8],
        originals: Sequence[NDArray[np.uint8]],
        batch: int,
    ):
        """Loads the models.

        Args:
            models: folders of SavedModels.
            images: uint8 [images, size, size, 3].
            truth: uint8 [images, size, size], class ids and 255 for void.
            originals: the same at the photos' own sizes.
            batch: images per call of a model.
        """
        self._loaded = [tf.saved_model.load(str(folder)) for folder in models]
        self._signatures = [model.signatures["score_images"] for model in self._loaded]
        self._images, self._truth, self._originals, self._batch = images, truth, originals, batch

    def counts(self, images: int, classes: int, *, original: bool) -> NDArray[np.int64]:
        """Runs the models on the first images.

        Args:
            images: how many.
            classes: K.
            original: compare at the photos' own sizes, too.

        Returns:
            The sum of `pixel_counts` over images, models and sizes.
        """
        total = np.zeros((classes, classes + 3), np.int64)
        for start in range(0, images, self._batch):
            batch = tf.constant(self._images[start : min(start + self._batch, images)])
            for signature in self._signatures:
                scores = signature(images=batch)["scores"]
                predicted = np.argmax(scores, axis=-1).astype(np.uint8)
                for index, class_map in enumerate(predicted):
                    total += pixel_counts(self._truth[start + index], class_map, classes)
                    if original:
                        mask = self._originals[start + index]
                        resized = np.argmax(tf.image.resize(scores[index], mask.shape), axis=-1)
                        total += pixel_counts(mask, resized.astype(np.uint8), classes)
        return total
