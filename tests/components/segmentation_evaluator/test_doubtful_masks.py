"""The ranking of doubtful masks from the counts of an evaluation."""

from __future__ import annotations

from typing import Any

import numpy as np

from components.metrics.counts import pixel_counts, to_sparse
from components.segmentation_evaluator.doubtful_masks import MASKS_PER_CLASS, PICTURES, doubtful_masks

NAMES = ("background", "cat", "dog")


def row(image_id: str, truth: np.ndarray, predicted: np.ndarray) -> dict[str, Any]:
    counts = pixel_counts(truth, predicted, len(NAMES))
    return {"image_id": image_id, "counts": {"fcn8": {"network": to_sparse(counts)}}}


def test_wrong_masks_are_at_the_top_and_say_what_differs() -> None:
    photo = np.zeros((20, 20), np.uint8)
    photo[5:15, 5:15] = 1
    swapped, missing, border = np.where(photo == 1, 2, 0).astype(np.uint8), np.zeros_like(photo), photo.copy()
    border[5, 5:15] = 0
    rows = [row("right", photo, photo), row("border", border, photo)]
    rows += [row("swapped", swapped, photo), row("missing", missing, photo)]
    result = doubtful_masks(rows, "fcn8", NAMES)
    assert result is not None
    cats = [mask for mask in result["masks"] if mask["class"] == "cat"]
    confused = [("dog", "cat"), ("background", "cat"), ("background", "cat")]
    assert [(mask["in_mask"], mask["predicted"]) for mask in cats] == confused
    assert [mask["image_id"] for mask in cats] == ["swapped", "missing", "border"]
    assert cats[1]["disagreement"] == 100 / (100 + 4)
    assert result["pictures"] == ["swapped", "missing", "border"]


def test_the_number_of_masks_and_pictures_is_limited() -> None:
    truth, predicted = np.zeros((4, 4), np.uint8), np.ones((4, 4), np.uint8)
    result = doubtful_masks([row(str(number), truth, predicted) for number in range(20)], "fcn8", NAMES)
    assert result is not None
    assert len(result["masks"]) == 2 * MASKS_PER_CLASS
    assert len(result["pictures"]) <= PICTURES


def test_without_a_model_there_is_no_ranking() -> None:
    assert doubtful_masks([], None, NAMES) is None
    assert doubtful_masks([], "fcn8", NAMES) == {"model": "fcn8", "masks": [], "pictures": []}
