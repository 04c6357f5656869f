"""Mean average precision against an implementation that shares nothing with it, and by hand."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.detector_trainer.average_precision import (
    Judged,
    Objects,
    average_precision,
    detection_figures,
    judge,
)
from components.detector_trainer.detections import Detections

GRID = 12  # boxes lie on a coarse grid, so that many overlap and some by exactly a half
Image = tuple[Objects, Detections]


@st.composite
def images(draw: st.DrawFn) -> list[Image]:
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    number = draw(st.integers(1, 6))
    scores = iter(random.permutation(1000) / 1000)  # no two alike: the protocol leaves their order open

    def boxes(count: int) -> np.ndarray:
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


def other_average_precision(images: list[Image], label: int, points: int | None) -> float:
    """The protocol anew, in exact fractions, from every threshold's own set of detections."""

    def cells(box: np.ndarray) -> set[tuple[int, int]]:
        top, left, bottom, right = map(int, box)
        return {(row, column) for row in range(top, bottom) for column in range(left, right)}

    ranked = sorted(
        (-score, number, cells(box))
        for number, (_, found) in enumerate(images)
        for box, score, its_label in zip(found.boxes, found.scores, found.labels, strict=True)
        if its_label == label
    )
    objects = {
        number: [
            (cells(box), bool(hard))
            for box, its, hard in zip(o.boxes, o.labels, o.difficult, strict=True)
            if its == label
        ]
        for number, (o, _) in enumerate(images)
    }
    total = sum(not hard for listed in objects.values() for _, hard in listed)
    if not total:
        return math.nan
    curve: list[tuple[Fraction, Fraction]] = []  # recall and precision
    for kept in range(1, len(ranked) + 1):
        hits, misses, claimed = 0, 0, set()
        for _, number, pixels in ranked[:kept]:
            overlaps = [Fraction(len(pixels & its), len(pixels | its)) for its, _ in objects[number]]
            best = max(range(len(overlaps)), key=lambda index: (overlaps[index], -index), default=None)
            if best is None or overlaps[best] < Fraction(1, 2):
                misses += 1
            elif objects[number][best][1]:
                continue
            elif (number, best) in claimed:
                misses += 1
            else:
                claimed.add((number, best))
                hits += 1
        if hits + misses:
            curve.append((Fraction(hits, total), Fraction(hits, hits + misses)))

    def highest(recall: Fraction) -> Fraction:
        return max((precision for reached, precision in curve if reached >= recall), default=Fraction(0))

    if points is not None:
        return float(sum(highest(Fraction(point, points - 1)) for point in range(points)) / points)
    return float(sum(highest(Fraction(hit, total)) for hit in range(1, total + 1)) / total)


@settings(max_examples=300, deadline=None)
@given(images())
def test_agrees_with_an_independent_implementation(images: list[Image]) -> None:
    truth, found = [image[0] for image in images], [image[1] for image in images]
    expected: dict[int | None, list[float]] = {}
    for points in (None, 11):
        expected[points] = [other_average_precision(images, label, points) for label in (1, 2, 3)]
        for label, value in zip((1, 2, 3), expected[points], strict=True):
            ours = average_precision(judge(truth, found, label), points=points)
            assert ours == pytest.approx(value, abs=1e-6, nan_ok=True)
    figures = detection_figures(truth, found, ["background", "a", "b", "c"])
    for name, points in (("map_voc2012", None), ("map_voc2007", 11)):
        known = [value for value in expected[points] if not math.isnan(value)]
        assert figures[name] == (pytest.approx(np.mean(known), abs=1e-6) if known else None)


def test_by_hand() -> None:
    # Right, wrong, right of three objects: precision 1 up to a recall of 1/3, then 2/3 up to 2/3.
    judged = Judged(np.array([0.9, 0.8, 0.7]), np.array([True, False, True]), 3)
    assert average_precision(judged) == pytest.approx(1 / 3 + 2 / 3 * 1 / 3)
    assert average_precision(judged, points=11) == pytest.approx((4 * 1 + 3 * 2 / 3) / 11)


def test_a_second_find_is_wrong_and_a_difficult_one_does_not_count() -> None:
    box = np.array([[0.0, 0.0, 1.0, 1.0]])
    twice = Detections(np.repeat(box, 2, axis=0), np.array([0.9, 0.8]), np.array([1, 1]))
    for difficult, right, objects in ((False, [True, False], 1), (True, [], 0)):
        judged = judge([Objects(box, np.array([1]), np.array([difficult]))], [twice], 1)
        assert (judged.right.tolist(), judged.objects) == (right, objects)


def test_nothing_found_and_nothing_to_find() -> None:
    nothing = Detections(np.zeros((0, 4)), np.zeros(0), np.zeros(0, int))
    objects = Objects(np.array([[0, 0, 1, 1.0]]), np.array([1]), np.array([False]))
    figures = detection_figures([objects], [nothing], ["background", "a", "b"])
    assert figures["average_precision"] == {"a": 0.0, "b": None}
    assert figures["map_voc2012"] == 0.0
