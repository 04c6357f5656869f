"""When a candidate is published, as typed data."""

from __future__ import annotations

from typing import Annotated

import pydantic

from components.metrics import METRIC_NAMES
from components.strict_config import StrictConfig


def _figure(name: str) -> str:
    if name not in METRIC_NAMES:
        raise ValueError(f"unknown figure {name!r}; allowed are {', '.join(METRIC_NAMES)}")
    return name


class SelectionConfig(StrictConfig):
    """What a candidate must come to before it is published.

    A candidate whose SavedModel fails the smoke test is refused in any case.

    Attributes:
        metric: the figure by which candidates are compared with each other and with the model in service.
        min_mean_iou: refuse candidates with a lower mean IoU.
        min_class_iou: class → refuse candidates with a lower IoU of it.
        max_latency_seconds: refuse candidates whose smoke test took longer for one photo, on the CPU.
        publish_background_only: publish even a network that is no better than to predict background everywhere.
        min_improvement: by how much the best candidate must exceed the model in service; with 0, by anything.
        beyond_interval: only if the 95 % interval of the difference to the model in service lies above 0.
        replace_incomparable: publish over a model in service that can't be compared with: one that can't be loaded, or
            has other classes.
    """

    metric: Annotated[str, pydantic.AfterValidator(_figure)] = "mean_iou"
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
            raise ValueError("beyond_interval needs the metric mean_iou: intervals are measured of no other")
        return self
