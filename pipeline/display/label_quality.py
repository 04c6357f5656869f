"""The text that `vocseg data check --model` prints: the masks that a model disagrees with most."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.display.devkit_report import text_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.label_quality.ranking import DoubtedMask


def label_quality_text(ranked: Mapping[str, Sequence[DoubtedMask]]) -> str:
    """Formats the masks that a model disagrees with most: one row per class and mask.

    Args:
        ranked: class → its masks, the highest disagreement first.
    """
    heading = ["class", "split", "image", "doubted", "of the image", "the mask shows", "the model predicts"]
    rows = [
        [
            mask.class_name,
            mask.split,
            mask.pair.image_id,
            f"{mask.disagreement:.0%}",
            f"{mask.image_share:.1%}",
            mask.in_mask,
            mask.predicted,
        ]
        for masks in ranked.values()
        for mask in masks
    ]
    if not rows:
        return "the model doubts no mask"
    return "\n".join(
        [
            "masks that the model doubts most, per class; a high share means that the mask or the model is wrong:",
            text_table([heading, *rows]),
        ]
    )
