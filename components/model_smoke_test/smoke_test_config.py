"""Settings of the smoke test."""

from __future__ import annotations

import pydantic

from components.strict_config import StrictConfig


class SmokeTestConfig(StrictConfig):
    """Settings of the test that each candidate's SavedModel must pass before it may be published.

    Attributes:
        timeout_seconds: time limit per model; if the test takes longer, its process is killed and the model fails.
        records: number of val records for which the served class maps are compared with those of the evaluation.
        latency_requests: number of requests with one image, after a warm-up; the latency is their median time.
    """

    timeout_seconds: float = pydantic.Field(default=600.0, gt=0)
    records: int = pydantic.Field(default=4, ge=1)
    latency_requests: int = pydantic.Field(default=7, ge=1)
