"""The network's output → detections: boxes decoded, overlapping ones of a class thinned out."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from components.detector_trainer.default_boxes import decode
from components.detector_trainer.ssd300 import BOX_VALUES

MIN_SCORE = 0.01
NMS_OVERLAP = 0.45
CANDIDATES_PER_CLASS = 400
DETECTIONS_PER_IMAGE = 200
"""Liu et al., "SSD: Single Shot MultiBox Detector", ECCV 2016, section 3.7; 400 before thinning out is its code's."""


@dataclasses.dataclass(frozen=True)
class Detections:
    """What was detected in an image, best score first.

    Attributes:
        boxes: float32 [N, 4], corner form, shares of the image's sides, within the image.
        scores: float32 [N], probabilities.
        labels: int64 [N], class ids from 1.
    """

    boxes: np.ndarray
    scores: np.ndarray
    labels: np.ndarray


def detect(predicted: tf.Tensor, defaults: Any) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """Decodes a batch and applies non-maximum suppression class by class.

    Args:
        predicted: float32 [batch, boxes, 4 + classes], as from `ssd300`.
        defaults: float32 [boxes, 4], centre form.

    Returns:
        boxes float32 [batch, N, 4], scores float32 [batch, N], labels float32 [batch, N] from 1, where N is
        `DETECTIONS_PER_IMAGE`, zeros behind the last; how many there are, int32 [batch].
    """
    boxes = decode(predicted[..., :BOX_VALUES], defaults)
    scores = tf.nn.softmax(predicted[..., BOX_VALUES:])[..., 1:]  # not the background's
    boxes, scores, labels, count = tf.image.combined_non_max_suppression(
        boxes[:, :, None],
        scores,
        max_output_size_per_class=CANDIDATES_PER_CLASS,
        max_total_size=DETECTIONS_PER_IMAGE,
        iou_threshold=NMS_OVERLAP,
        score_threshold=MIN_SCORE,
        clip_boxes=True,
    )
    return boxes, scores, labels + 1, count


def per_image(boxes: Any, scores: Any, labels: Any, count: Any) -> Iterator[Detections]:
    """Takes a batch of `detect` apart, without the zeros behind the last detection."""
    arrays = (np.asarray(values) for values in (boxes, scores, labels, count))
    for image_boxes, image_scores, image_labels, number in zip(*arrays, strict=True):
        yield Detections(image_boxes[:number], image_scores[:number], image_labels[:number].astype(np.int64))
