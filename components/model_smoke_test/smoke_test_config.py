"""How the smoke test is done, as typed data."""

from __future__ import annotations

import pydantic

from components.strict_config import StrictConfig


class SmokeTestConfig(StrictConfig):
    """Settings of the test that each candidate's SavedModel goes through before it may be published.

    Attributes:
        timeout_seconds: a process that is not through by then is ended, and the model has failed.
        records: how many records of the val split are compared with what the evaluation sees.
        latency_requests: requests of one image whose times the median is taken of, after a warm-up.
    """

    timeout_seconds: float = pydantic.Field(default=600.0, gt=0)
    records: int = pydantic.Field(default=4, ge=1)
    latency_requests: int = pydantic.Field(default=7, ge=1)
