"""Settings of the data validation."""

from __future__ import annotations

from typing import Literal

import pydantic

from components.strict_config import StrictConfig


class ValidationConfig(StrictConfig):
    """Settings of the data validation, which runs before the training.

    Attributes:
        on_anomaly: `warn` reports the findings and continues; `stop` ends the run before the training.
        min_images_of_class: minimum number of images of each class in a split; 1 reports only absent classes.
        max_without_foreground: maximum share of a split's masks without any foreground class; 0 reports every such
            mask.
        max_void_share: maximum share of a split's pixels that are void; a larger one is most likely a mask value that
            was taken for void. VOC's own masks have 5 %.
        max_share_drift: maximum difference between a class's share of the valid pixels in train and in val or test,
            divided by the larger share: 0 allows no difference, 0.5 allows twice the share, 1 allows everything.
        drift_min_images: the drift of a class is checked only if both splits have at least this number of images of it,
            because the share of a rare class varies by chance. In random splits of VOC's masks, at least one of the
            twenty classes differed by more than 0.5 in 1 of 100 splits with 50 images per class, in 3 of 10 with 20,
            and in 9 of 10 with 10.
    """

    on_anomaly: Literal["warn", "stop"] = "warn"
    min_images_of_class: int = pydantic.Field(default=1, ge=0)
    max_without_foreground: float = pydantic.Field(default=0.0, ge=0, le=1)
    max_void_share: float = pydantic.Field(default=0.4, ge=0, le=1)
    max_share_drift: float = pydantic.Field(default=0.5, ge=0, le=1)
    drift_min_images: int = pydantic.Field(default=50, ge=1)
