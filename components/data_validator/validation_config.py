"""What about the data is worth a finding, and what a finding does, as typed data."""

from __future__ import annotations

from typing import Literal

import pydantic

from components.strict_config import StrictConfig


class ValidationConfig(StrictConfig):
    """Settings of the look at the data before anything is trained.

    Attributes:
        on_anomaly: `warn` reports the findings and goes on; `stop` ends the run before the first training.
        min_images_of_class: a split with fewer images of a class is a finding; with 1, only an absent class is.
        max_without_foreground: the share of a split's masks that may hold no foreground class; with 0, any such mask is
            a finding.
        max_share_drift: how far a class's share of the valid pixels may differ between train and val: the difference
            of the two shares over the larger one. 0 is no difference, 0.5 is twice the share, 1 allows anything.
        drift_min_images: both splits need as many images of a class for its drift to be judged, since the share of a
            rare class differs by chance. Of splits drawn at random from VOC's masks, 1 in 100 had some class of twenty
            that differed by more than 0.5 with 50 images of each class, 3 in 10 with 20, and 9 in 10 with 10.
    """

    on_anomaly: Literal["warn", "stop"] = "warn"
    min_images_of_class: int = pydantic.Field(default=1, ge=0)
    max_without_foreground: float = pydantic.Field(default=0.0, ge=0, le=1)
    max_share_drift: float = pydantic.Field(default=0.5, ge=0, le=1)
    drift_min_images: int = pydantic.Field(default=50, ge=1)
