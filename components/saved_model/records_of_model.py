"""How the records of a devkit must be made for a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfds_voc_seg.label_set import VOC_LABELS
from tfds_voc_seg.record_config import RecordConfig

if TYPE_CHECKING:
    from components.saved_model.description import ModelDescription
    from tfds_voc_seg.label_set import LabelSet


def records_of_model(description: ModelDescription, labels: LabelSet) -> RecordConfig:
    """Returns how to convert a devkit's pairs for a model: as its training did, with the devkit's own label set.

    A model that does not say how its records were made was trained on VOC's classes with void ignored. If the devkit
    does not describe its label set, its masks are those of the training.

    Args:
        description: the model's description.
        labels: the devkit's label set.

    Raises:
        ValueError: the devkit does not have the model's classes.
    """
    trained = description.records or RecordConfig(description.image_size, description.class_names[1:])
    config = RecordConfig(
        description.image_size,
        trained.classes,
        trained.void,
        trained.image_encoding,
        resize=trained.resize,
        short_side=trained.short_side,
        labels=trained.labels if labels == VOC_LABELS else labels,
    )
    if config.class_names != description.class_names:
        raise ValueError(
            f"the model has the classes {', '.join(description.class_names)}, the devkit has "
            f"{', '.join(config.class_names)}"
        )
    return config
