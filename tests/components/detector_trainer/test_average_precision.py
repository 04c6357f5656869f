"""Mean average precision compared with an independent implementation and with values computed by hand."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.detector_trainer.average_precision import (
    MatchedDetections,
    Objects,
    average_precision,
    detection_metrics,
    match_detections,
)
from components.detector_trainer.detections import Detections

if TYPE_CHECKING:
    from numpy.typing import NDArray

GRID = 12  # boxes have corners on a coarse grid, so that many overlap, some with an IoU of exactly 0.5
Image = tuple[Objects, Detections]


@st.composite
def images(draw: st.DrawFn) -> list[Image]:
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    number = draw(st.integers(1, 6))
    scores = iter(
        random.permutation(1000) / 1000
    )  # all different: the protocol does not define the order of equal scores

    def boxes(count: int) -> NDArray[Any]:
        top_left = random.integers(0, GRID - 1, (count, 2))
        return np.concatenate([top_left, top_left + random.integers(1, 6, (count, 2))], axis=1)

    found = []
    for _ in range(number):
        objects, detections = (int(random.integers(0, most)) for most in (6, 12))
        truth = boxes(objects)
        near = truth[random.integers(0, objects, detections)] if objects else boxes(detections)
        near = near + random.integers(-1, 2, near.shape) * [[0, 0, 1, 1]]
        near[:, 2:] = np.maximum(near[:, 2:], near[:, :2] + 1)
        found.append(
            (
                Objects(truth, random.integers(1, 4, objects), random.random(objects) < 0.25),
                Detections(
                    near.astype(np.float32),
                    np.array([next(scores) for _ in range(detections)]),
                    random.integers(1, 4, detections),
                ),
            )
        )
    return found


def cells(box: NDArray[Any]) -> set[tuple[int, int]]:
    """The grid cells that a box covers."""
    top, left, bottom, right = map(int, box)
    return {(row, column) for row in range(top, bottom) for column in range(left, right)}


def precision_recall_curve(images: list[Image], label: int) -> tuple[list[tuple[Fraction, Fraction]], int]:
    """Computes recall and precision for each threshold separately, and the number of objects, in exact fractions."""
    ranked = sorted(
        (-score, number, cells(box))
        for number, (_, found) in enumerate(images)
        for box, score, found_label in zip(found.boxes, found.scores, found.labels, strict=True)
        if found_label == label
    )
    objects = {
        number: [
            (cells(box), bool(difficult))
            for box, true_label, difficult in zip(truth.boxes, truth.labels, truth.difficult, strict=True)
            if true_label == label
        ]
        for number, (truth, _) in enumerate(images)
    }
    total = sum(not difficult for of_image in objects.values() for _, difficult in of_image)
    counted = [count_hits(ranked[:kept], objects) for kept in range(1, len(ranked) + 1)] if total else []
    return [(Fraction(hits, total), Fraction(hits, hits + misses)) for hits, misses in counted if hits + misses], total


def count_hits(
    detections: list[tuple[float, int, set[tuple[int, int]]]],
    objects: dict[int, list[tuple[set[tuple[int, int]], bool]]],
) -> tuple[int, int]:
    """Counts correct and wrong detections; detections of difficult objects are neither."""
    hits, misses, matched = 0, 0, set()
    for _, number, pixels in detections:
        overlaps = [Fraction(len(pixels & other), len(pixels | other)) for other, _ in objects[number]]
        best = max(range(len(overlaps)), key=lambda index: (overlaps[index], -index), default=None)
        if best is None or overlaps[best] < Fraction(1, 2):
            misses += 1
        elif objects[number][best][1]:
            continue
        elif (number, best) in matched:
            misses += 1
        else:
            matched.add((number, best))
            hits += 1
    return hits, misses


def other_average_precision(images: list[Image], label: int, points: int | None) -> float:
    """The protocol, implemented independently."""
    curve, total = precision_recall_curve(images, label)
    if not total:
        return math.nan

    def highest(recall: Fraction) -> Fraction:
        return max((precision for reached, precision in curve if reached >= recall), default=Fraction(0))

    if points is not None:
        return float(sum(highest(Fraction(point, points - 1)) for point in range(points)) / points)
    return float(sum(highest(Fraction(hit, total)) for hit in range(1, total + 1)) / total)


@settings(max_examples=300)
@given(images())
def test_agrees_with_an_independent_implementation(images: list[Image]) -> None:
    truth, found = [image[0] for image in images], [image[1] for image in images]
    expected: dict[int | None, list[float]] = {}
    for points in (None, 11):
        expected[points] = [other_average_precision(images, label, points) for label in (1, 2, 3)]
        for label, value in zip((1, 2, 3), expected[points], strict=True):
            ours = average_precision(match_detections(truth, found, label), points=points)
            assert ours == pytest.approx(value, abs=1e-6, nan_ok=True)
    figures = detection_metrics(truth, found, ["background", "a", "b", "c"])
    for name, points in (("map_voc2012", None), ("map_voc2007", 11)):
        known = [value for value in expected[points] if not math.isnan(value)]
        assert figures[name] == (pytest.approx(np.mean(known), abs=1e-6) if known else None)


def test_average_precision_of_a_small_example() -> None:
    # Correct, wrong, correct, with three objects: the precision is 1 up to recall 1/3, then 2/3 up to recall 2/3.
    matched = MatchedDetections(np.array([0.9, 0.8, 0.7]), np.array([True, False, True]), 3)
    assert average_precision(matched) == pytest.approx(1 / 3 + 2 / 3 * 1 / 3)
    assert average_precision(matched, points=11) == pytest.approx((4 * 1 + 3 * 2 / 3) / 11)


def test_a_second_detection_is_wrong_and_difficult_objects_are_ignored() -> None:
    box = np.array([[0.0, 0.0, 1.0, 1.0]])
    twice = Detections(np.repeat(box, 2, axis=0), np.array([0.9, 0.8]), np.array([1, 1]))
    for difficult, correct, objects in ((False, [True, False], 1), (True, [], 0)):
        matched = match_detections([Objects(box, np.array([1]), np.array([difficult]))], [twice], 1)
        assert (matched.correct.tolist(), matched.objects) == (correct, objects)


def test_classes_without_detections_and_without_objects() -> None:
    nothing = Detections(np.zeros((0, 4)), np.zeros(0), np.zeros(0, int))
    objects = Objects(np.array([[0, 0, 1, 1.0]]), np.array([1]), np.array([False]))
    figures = detection_metrics([objects], [nothing], ["background", "a", "b"])
    assert figures["average_precision"] == {"a": 0.0, "b": None}
    assert figures["map_voc2012"] == 0.0
