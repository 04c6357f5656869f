"""Mean average precision in pure stages: detections judged, then precision over recall, then its area.

Source: Everingham et al., "The PASCAL Visual Object Classes (VOC) Challenge", IJCV 2010, section 4.2, and the
development kit's VOCevaldet.m and VOCap.m: best score first, a detection is right where its overlap with an object of
its class is at least 0.5 and no better detection has found that object; objects marked difficult, and what finds them,
are left out. VOC2007 takes the mean of the interpolated precision at 11 recalls, VOC2010 and later its whole area.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from components.detector_trainer.detections import Detections

MIN_OVERLAP = 0.5


@dataclasses.dataclass(frozen=True)
class Objects:
    """The objects of an image.

    Attributes:
        boxes: float [N, 4], ymin, xmin, ymax, xmax.
        labels: int [N], class ids from 1.
        difficult: bool [N].
    """

    boxes: np.ndarray
    labels: np.ndarray
    difficult: np.ndarray


@dataclasses.dataclass(frozen=True)
class Judged:
    """Detections of one class over all images, those left out excepted.

    Attributes:
        scores: float [N].
        right: bool [N].
        objects: how many were to be found.
    """

    scores: np.ndarray
    right: np.ndarray
    objects: int


def judge(truth: Sequence[Objects], found: Sequence[Detections], label: int) -> Judged:
    """Tells which detections of a class are right; of equal scores the earlier image's comes first.

    Args:
        truth: an entry an image.
        found: an entry an image, in the same order.
        label: the class id.
    """
    scores: list[float] = []
    right: list[bool] = []
    total = 0
    for objects, detections in zip(truth, found, strict=True):
        mine, theirs = objects.labels == label, detections.labels == label
        boxes, difficult = objects.boxes[mine], objects.difficult[mine]
        total += int((~difficult).sum())
        order = np.argsort(-detections.scores[theirs], kind="stable")
        overlaps = _iou(detections.boxes[theirs][order], boxes)
        taken = np.zeros(len(boxes), bool)
        for score, row in zip(detections.scores[theirs][order], overlaps, strict=True):
            nearest = int(np.argmax(row)) if len(row) else -1
            hit = nearest >= 0 and row[nearest] >= MIN_OVERLAP
            if hit and difficult[nearest]:
                continue
            scores.append(float(score))
            right.append(bool(hit and not taken[nearest]))
            if hit:
                taken[nearest] = True
    return Judged(np.array(scores, float), np.array(right, bool), total)


def precision_and_recall(judged: Judged) -> tuple[np.ndarray, np.ndarray]:
    """Precision and recall after each detection, best score first: float64 [N] each."""
    right = judged.right[np.argsort(-judged.scores, kind="stable")]
    hits = np.cumsum(right)
    return hits / np.arange(1, len(right) + 1), hits / judged.objects


def average_precision(judged: Judged, *, points: int | None = None) -> float:
    """The average of the interpolated precision: at each recall the highest precision of that recall or more.

    Args:
        judged: of one class.
        points: so many recalls evenly from 0 to 1, as VOC2007's 11; by default the area under the whole curve, as VOC
            from 2010 on.

    Returns:
        0 to 1; NaN where there was nothing to be found.
    """
    if not judged.objects:
        return math.nan
    precision, recall = precision_and_recall(judged)
    interpolated = np.maximum.accumulate(precision[::-1])[::-1]
    if points is None:
        return float(np.sum(np.diff(recall, prepend=0.0) * interpolated))
    # In whole numbers: 3 of 10 objects are a recall of 0.3, which floating point may miss.
    hits = np.round(recall * judged.objects).astype(int)
    reached = [np.flatnonzero(hits * (points - 1) >= point * judged.objects) for point in range(points)]
    return float(np.mean([interpolated[first[0]] if len(first) else 0.0 for first in reached]))


def detection_figures(
    truth: Sequence[Objects], found: Sequence[Detections], class_names: Sequence[str]
) -> dict[str, Any]:
    """Sums up a split.

    Args:
        truth: an entry an image.
        found: an entry an image, in the same order.
        class_names: background first.

    Returns:
        JSON values: `map_voc2012` and `map_voc2007`, the means over the classes that occur; `average_precision`, class
        → the area under its curve, or null; `objects`, class → how many were to be found; `images`.
    """
    judged = {name: judge(truth, found, label) for label, name in enumerate(class_names) if label}
    area = {name: average_precision(of_class) for name, of_class in judged.items()}
    eleven = {name: average_precision(of_class, points=11) for name, of_class in judged.items()}
    return {
        "images": len(truth),
        "map_voc2012": _mean(list(area.values())),
        "map_voc2007": _mean(list(eleven.values())),
        "average_precision": {name: None if math.isnan(value) else value for name, value in area.items()},
        "objects": {name: of_class.objects for name, of_class in judged.items()},
    }


def _mean(values: Sequence[float]) -> float | None:
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else None


def _iou(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """IoU in float64, [N, M]; in TensorFlow's float32 an overlap of exactly 0.5 may fall short."""
    first, second = boxes.astype(np.float64)[:, None], others.astype(np.float64)[None]
    top_left, bottom_right = np.maximum(first[..., :2], second[..., :2]), np.minimum(first[..., 2:], second[..., 2:])
    both = np.prod(np.maximum(bottom_right - top_left, 0), axis=-1)
    area, other_area = (np.prod(np.maximum(b[..., 2:] - b[..., :2], 0), axis=-1) for b in (first, second))
    either = area + other_area - both
    return np.divide(both, either, out=np.zeros_like(both), where=either > 0)
