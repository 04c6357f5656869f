"""The base class of all configuration classes."""

from __future__ import annotations

from typing import Any

import pydantic

_NUMBERS = (int, float, int | None, float | None)


class StrictConfig(pydantic.BaseModel):
    """Immutable; rejects unknown keys, numbers that are not finite, and `true` or `false` in place of a number."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @pydantic.field_validator("*", mode="before")
    @classmethod
    def _no_boolean_for_a_number(cls, value: Any, info: pydantic.ValidationInfo) -> Any:
        if isinstance(value, bool) and cls.model_fields[str(info.field_name)].annotation in _NUMBERS:
            raise ValueError(f"must be a number, not {str(value).lower()}")
        return value
