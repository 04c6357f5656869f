"""Converts the network's output to detections: decodes the boxes and applies non-maximum suppression."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from components.detector_trainer.default_boxes import decode
from components.detector_trainer.ssd300 import BOX_VALUES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

MIN_SCORE = 0.01
NMS_OVERLAP = 0.45
MAX_BOXES_PER_CLASS = 400
"""Before the suppression; from the code of SSD's authors."""

DETECTIONS_PER_IMAGE = 200
"""This value and the two thresholds: Liu et al., "SSD: Single Shot MultiBox Detector", ECCV 2016, section 3.7."""


@dataclasses.dataclass(frozen=True)
class Detections:
    """The detected objects in an image, in descending order of the scores.

    Attributes:
        boxes: float32 [N, 4], corner form, shares of the image's sides, within the image.
        scores: float32 [N], probabilities.
        labels: int64 [N], class ids from 1.
    """

    boxes: NDArray[np.floating[Any]]
    scores: NDArray[np.floating[Any]]
    labels: NDArray[np.integer[Any]]


def detect(predicted: tf.Tensor, defaults: Any) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """Decodes a batch of predictions and applies non-maximum suppression to each class.

    Args:
        predicted: float32 [batch, boxes, 4 + classes], the output of `ssd300`.
        defaults: float32 [boxes, 4], centre form.

    Returns:
        boxes float32 [batch, N, 4], scores float32 [batch, N], labels float32 [batch, N] from 1, where N is
        `DETECTIONS_PER_IMAGE` and unused entries are zero; number of detections, int32 [batch].
    """
    boxes = decode(predicted[..., :BOX_VALUES], defaults)
    scores = tf.nn.softmax(predicted[..., BOX_VALUES:])[..., 1:]  # without background
    boxes, scores, labels, count = tf.image.combined_non_max_suppression(
        boxes[:, :, None],
        scores,
        max_output_size_per_class=MAX_BOXES_PER_CLASS,
        max_total_size=DETECTIONS_PER_IMAGE,
        iou_threshold=NMS_OVERLAP,
        score_threshold=MIN_SCORE,
        clip_boxes=True,
    )
    return boxes, scores, labels + 1, count


def per_image(boxes: Any, scores: Any, labels: Any, count: Any) -> Iterator[Detections]:
    """Splits the result of `detect` into images and removes the unused entries."""
    arrays = (np.asarray(values) for values in (boxes, scores, labels, count))
    for image_boxes, image_scores, image_labels, number in zip(*arrays, strict=True):
        yield Detections(image_boxes[:number], image_scores[:number], image_labels[:number].astype(np.int64))
