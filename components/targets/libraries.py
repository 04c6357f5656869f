"""The libraries that convert and run the targets; they are extras of this project."""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from components.targets.names import TargetName

_LITERT = ("ai_edge_litert",)
_LIBRARIES: dict[TargetName, tuple[str, ...]] = {
    "litert": _LITERT,
    "litert_float16": _LITERT,
    "litert_int8": _LITERT,
    "onnx": ("tf2onnx", "onnxruntime"),
}


def missing_library(target: TargetName) -> str | None:
    """Returns a library that a target needs and that is not installed; `None` if all are."""
    return next((name for name in _LIBRARIES[target] if importlib.util.find_spec(name) is None), None)


ENGINE_DISTRIBUTIONS = ("tensorflow", "ai-edge-litert", "onnxruntime")
CONVERTER_DISTRIBUTIONS = (*ENGINE_DISTRIBUTIONS, "tf2onnx", "onnx")


def installed_versions(distributions: Iterable[str]) -> dict[str, str]:
    """Returns distribution → version, of those that are installed."""
    found = {}
    for name in distributions:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found
