"""Checks the values of settings; an error names the setting, its value and what is allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


def require_one_of(setting: str, value: Any, allowed: Sequence[Any]) -> None:
    """Checks that a value is one of the allowed ones.

    Raises:
        ValueError: it is not.
    """
    if value not in allowed:
        raise ValueError(f"{setting}={value!r} is invalid; allowed are {', '.join(map(repr, allowed))}")


def require_whole_number(setting: str, value: Any, lowest: int, highest: int | None = None) -> None:
    """Checks that a value is a whole number in a range.

    Raises:
        ValueError: it is not.
    """
    inside = isinstance(value, int) and not isinstance(value, bool) and lowest <= value
    if not inside or (highest is not None and value > highest):
        allowed = f"{lowest} to {highest}" if highest is not None else f"{lowest} and above"
        raise ValueError(f"{setting}={value!r} is invalid; allowed are whole numbers, {allowed}")
