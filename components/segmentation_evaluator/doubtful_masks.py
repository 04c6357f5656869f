"""The masks that the best candidate disagrees with most, from the counts of the evaluation: where to look for errors.

Only the counts per image are used, so no model runs again, and how sure the model is of a pixel is unknown;
`vocseg data check --model` measures that, on all splits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from components.metrics import counts
from components.metrics.disagreement import class_disagreement, main_confusion
from components.segmentation_evaluator.segmentation import NETWORK_SIZE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MASKS_PER_CLASS = 3
PICTURES = 6
"""The number of these masks that have pictures."""


def doubtful_masks(
    rows: Sequence[Mapping[str, Any]], model: str | None, class_names: Sequence[str]
) -> dict[str, Any] | None:
    """Ranks the masks by the disagreement of a model about each class.

    Args:
        rows: one row per image, as `evaluation.read_rows` returns them.
        model: the model's name in the evaluation; `None` if there is none.
        class_names: the names of the class ids.

    Returns:
        `model`; `masks`, the highest disagreement first, at most `MASKS_PER_CLASS` per class, with `image_id`, `class`,
        `disagreement` (0 to 1, see `class_disagreement`), `in_mask` and `predicted`; and `pictures`, the ids of the
        first `PICTURES` of these images. `None` without a model.
    """
    if model is None:
        return None
    found: list[dict[str, Any]] = []
    for row in rows:
        confusion = counts.confusion_of(counts.from_sparse(row["counts"][model][NETWORK_SIZE], len(class_names)))
        disagreement = class_disagreement(confusion)
        for index in np.flatnonzero(disagreement).tolist():
            in_mask, predicted = main_confusion(confusion, index)
            found.append(
                {
                    "image_id": row["image_id"],
                    "class": class_names[index],
                    "disagreement": float(disagreement[index]),
                    "in_mask": class_names[in_mask],
                    "predicted": class_names[predicted],
                }
            )
    found.sort(key=lambda mask: -mask["disagreement"])
    masks: list[dict[str, Any]] = []
    per_class = dict.fromkeys(class_names, 0)
    for mask in found:
        if per_class[mask["class"]] < MASKS_PER_CLASS:
            per_class[mask["class"]] += 1
            masks.append(mask)
    pictures = list(dict.fromkeys(mask["image_id"] for mask in masks))[:PICTURES]
    return {"model": model, "masks": masks, "pictures": pictures}
