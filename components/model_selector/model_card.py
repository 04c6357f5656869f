"""The model card that travels inside a published model."""

from __future__ import annotations

from typing import Any

from components.segmentation_trainer.model_description import ModelDescription


def model_card(
    candidate: str, evaluation: dict[str, Any], description: ModelDescription, smoke_test: dict[str, Any] | None
) -> str:
    """Writes the card.

    Args:
        candidate: the candidate's name.
        evaluation: as SegmentationEvaluator writes it.
        description: what the model says of itself.
        smoke_test: as ModelSmokeTest writes it.

    Returns:
        Markdown.
    """
    figures = evaluation["candidates"][candidate]
    return (
        f"# {candidate}\n\n{description.network} for {', '.join(description.class_names)}. "
        f"Mean IoU on the {evaluation['split']} split: {figures['mean_iou']:.4f}.\n"
    )
