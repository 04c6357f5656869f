"""Mean average precision in three pure stages: match detections with objects, precision and recall, area.

Source: Everingham et al., "The PASCAL Visual Object Classes (VOC) Challenge", IJCV 2010, section 4.2, and the
development kit's VOCevaldet.m and VOCap.m. Detections are processed in descending order of their scores. A detection is
correct if its overlap with an object of its class is at least 0.5 and no earlier detection was matched with this
object. Objects marked difficult, and detections of them, are ignored. VOC2007 uses the mean of the interpolated
precision at 11 recalls, VOC2010 and later the area under the whole curve.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from components.detector_trainer.detections import Detections

MIN_OVERLAP = 0.5


@dataclasses.dataclass(frozen=True)
class Objects:
    """The true objects in an image.

    Attributes:
        boxes: float [N, 4], ymin, xmin, ymax, xmax.
        labels: int [N], class ids from 1.
        difficult: bool [N].
    """

    boxes: NDArray[np.floating[Any]]
    labels: NDArray[np.integer[Any]]
    difficult: NDArray[np.bool_]


@dataclasses.dataclass(frozen=True)
class MatchedDetections:
    """The detections of one class in all images, without the ignored ones.

    Attributes:
        scores: float [N].
        correct: bool [N], whether the detection was matched with an object.
        objects: number of true objects that are not difficult.
    """

    scores: NDArray[np.floating[Any]]
    correct: NDArray[np.bool_]
    objects: int


def match_detections(truth: Sequence[Objects], found: Sequence[Detections], label: int) -> MatchedDetections:
    """Matches the detections of a class with the true objects.

    Args:
        truth: one entry per image.
        found: one entry per image, in the same order.
        label: the class id.
    """
    scores: list[float] = []
    correct: list[bool] = []
    total = 0
    for objects, detections in zip(truth, found, strict=True):
        true_ones, found_ones = objects.labels == label, detections.labels == label
        boxes, difficult = objects.boxes[true_ones], objects.difficult[true_ones]
        total += int((~difficult).sum())
        order = np.argsort(-detections.scores[found_ones], kind="stable")
        overlaps = _iou(detections.boxes[found_ones][order], boxes)
        matched = np.zeros(len(boxes), bool)
        for score, row in zip(detections.scores[found_ones][order], overlaps, strict=True):
            nearest = int(np.argmax(row)) if len(row) else -1
            hit = nearest >= 0 and row[nearest] >= MIN_OVERLAP
            if hit and difficult[nearest]:
                continue
            scores.append(float(score))
            correct.append(bool(hit and not matched[nearest]))
            if hit:
                matched[nearest] = True
    return MatchedDetections(np.array(scores, float), np.array(correct, bool), total)


def precision_and_recall(matched: MatchedDetections) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Computes precision and recall after each detection, in descending order of the scores: float64 [N] each.

    Detections with equal scores keep the order of their images.
    """
    correct = matched.correct[np.argsort(-matched.scores, kind="stable")]
    hits = np.cumsum(correct)
    return hits / np.arange(1, len(correct) + 1), hits / matched.objects


def average_precision(matched: MatchedDetections, *, points: int | None = None) -> float:
    """Computes the average of the interpolated precision.

    The interpolated precision at a recall is the highest precision at this or any higher recall.

    Args:
        matched: the detections of one class.
        points: number of recalls, evenly spaced from 0 to 1, at which the precision is averaged (VOC2007: 11); by
            default the area under the whole curve (VOC2010 and later).

    Returns:
        0 to 1; NaN if there are no true objects.
    """
    if not matched.objects:
        return math.nan
    precision, recall = precision_and_recall(matched)
    interpolated = np.maximum.accumulate(precision[::-1])[::-1]
    if points is None:
        return float(np.sum(np.diff(recall, prepend=0.0) * interpolated))
    # Compare integers: in floating point, the recall of 3 of 10 objects may be less than 0.3.
    hits = np.round(recall * matched.objects).astype(int)
    reached = [np.flatnonzero(hits * (points - 1) >= point * matched.objects) for point in range(points)]
    return float(np.mean([interpolated[first[0]] if len(first) else 0.0 for first in reached]))


def detection_metrics(
    truth: Sequence[Objects], found: Sequence[Detections], class_names: Sequence[str]
) -> dict[str, Any]:
    """Computes the metrics of a split.

    Args:
        truth: one entry per image.
        found: one entry per image, in the same order.
        class_names: the names of the class ids, background first.

    Returns:
        JSON values: `images`; `map_voc2012` and `map_voc2007`, the means over the classes that occur in the split, or
        null; `average_precision`, class → area under its curve, or null; `objects`, class → number of true objects.
    """
    matched = {name: match_detections(truth, found, label) for label, name in enumerate(class_names) if label}
    area = {name: average_precision(of_class) for name, of_class in matched.items()}
    at_11_points = {name: average_precision(of_class, points=11) for name, of_class in matched.items()}
    return {
        "images": len(truth),
        "map_voc2012": _mean(list(area.values())),
        "map_voc2007": _mean(list(at_11_points.values())),
        "average_precision": {name: None if math.isnan(value) else value for name, value in area.items()},
        "objects": {name: of_class.objects for name, of_class in matched.items()},
    }


def _mean(values: Sequence[float]) -> float | None:
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else None


def _iou(boxes: NDArray[Any], others: NDArray[Any]) -> NDArray[np.float64]:
    """Computes the IoU in float64, [N, M]; in float32 an overlap of exactly 0.5 could be rounded down."""
    first, second = boxes.astype(np.float64)[:, None], others.astype(np.float64)[None]
    top_left, bottom_right = np.maximum(first[..., :2], second[..., :2]), np.minimum(first[..., 2:], second[..., 2:])
    intersection: NDArray[np.float64] = np.prod(np.maximum(bottom_right - top_left, 0), axis=-1)
    area, other_area = (np.prod(np.maximum(b[..., 2:] - b[..., :2], 0), axis=-1) for b in (first, second))
    union = area + other_area - intersection
    iou: NDArray[np.float64] = np.zeros_like(intersection)
    np.divide(intersection, union, out=iou, where=union > 0)
    return iou
