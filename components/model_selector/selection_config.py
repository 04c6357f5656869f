"""The conditions for publishing a candidate."""

from __future__ import annotations

from typing import Annotated

import pydantic

from components.metrics import METRIC_NAMES
from components.strict_config import StrictConfig


def _known_metric(name: str) -> str:
    if name not in METRIC_NAMES:
        raise ValueError(f"unknown metric {name!r}; allowed are {', '.join(METRIC_NAMES)}")
    return name


class SelectionConfig(StrictConfig):
    """Settings of the selection.

    A candidate whose SavedModel fails the smoke test is always refused.

    Attributes:
        metric: the metric that compares the candidates with each other and with the model in service.
        min_mean_iou: candidates with a lower mean IoU are refused.
        min_class_iou: class → minimum IoU; candidates with a lower IoU of this class are refused.
        max_latency_seconds: candidates with a higher latency are refused: the time for one photo on the CPU, from the
            smoke test.
        publish_background_only: allow publishing a network that is no better than predicting background everywhere.
        min_improvement: minimum difference by which the best candidate must exceed the model in service; with 0 any
            improvement is enough.
        beyond_interval: publish only if the 95 % confidence interval of the difference to the model in service is
            above 0.
        replace_incomparable: publish even if the model in service cannot be compared, because it cannot be loaded or
            has other classes.
    """

    metric: Annotated[str, pydantic.AfterValidator(_known_metric)] = "mean_iou"
    min_mean_iou: float | None = pydantic.Field(default=None, ge=0, le=1)
    min_class_iou: dict[str, Annotated[float, pydantic.Field(ge=0, le=1)]] = pydantic.Field(default_factory=dict)
    max_latency_seconds: float | None = pydantic.Field(default=None, gt=0)
    publish_background_only: bool = False
    min_improvement: float = pydantic.Field(default=0.0, ge=0)
    beyond_interval: bool = False
    replace_incomparable: bool = False

    @pydantic.model_validator(mode="after")
    def _interval_is_of_mean_iou(self) -> SelectionConfig:
        if self.beyond_interval and self.metric != "mean_iou":
            raise ValueError("beyond_interval requires the metric mean_iou: other metrics have no interval")
        return self
