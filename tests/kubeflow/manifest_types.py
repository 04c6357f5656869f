"""Checks a manifest against the Python classes that a project publishes for its resources.

For Kubernetes' own resources there are JSON schemas (kubernetes-validate). KServe and the Training Operator publish
generated Python classes with the name and type of every field. These classes ignore unknown fields; this check reports
them.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
import types
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_PLAIN = {"str": (str,), "int": (int,), "bool": (bool,), "float": (int, float), "datetime": (str,)}
_OPAQUE = ("ResourceQuantity", "IntstrIntOrString", "K8sIoApimachineryPkgApiResourceQuantity")
"""Types of strings and numbers with their own syntax, which is not checked."""


def _without_init(package: str) -> str:
    """Makes a package's modules importable without running its __init__, which imports servers and clients."""
    parent, _, _ = package.rpartition(".")
    if package not in sys.modules:
        spec = importlib.util.find_spec(parent) if parent else importlib.util.find_spec(package)
        assert spec is not None
        folders = list(spec.submodule_search_locations or ())
        stand_in = types.ModuleType(package)
        stand_in.__path__ = [f"{folder}/{package.rpartition('.')[2]}" for folder in folders] if parent else folders
        sys.modules[package] = stand_in
    return package


def published_type(package: str, name: str) -> Any:
    """Returns a class by its name, such as `V1beta1InferenceService` of kserve."""
    module = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
    try:
        return getattr(importlib.import_module(f"{_without_init(package)}.models.{module}"), name)
    except ModuleNotFoundError:  # one of Kubernetes' own types
        pass
    return getattr(importlib.import_module("kubernetes.client"), name)


def problems(value: Any, kind: str, package: str, place: str = "") -> Iterator[str]:
    """Yields the unknown fields and wrong types of a value."""
    listed = re.fullmatch(r"list\[(.*)\]", kind)
    keyed = re.fullmatch(r"dict\(str, (.*)\)", kind)
    if listed:
        if not isinstance(value, list):
            yield f"{place}: must be a list"
            return
        for index, item in enumerate(value):
            yield from problems(item, listed[1], package, f"{place}[{index}]")
    elif keyed:
        for key, item in value.items() if isinstance(value, Mapping) else [("?", value)]:
            yield from problems(item, keyed[1], package, f"{place}.{key}")
    elif kind in _PLAIN:
        if not isinstance(value, _PLAIN[kind]) or (kind != "bool" and isinstance(value, bool)):
            yield f"{place}: must be {kind}, is {value!r}"
    elif kind != "object":
        yield from _object_problems(value, kind, package, place)


def _object_problems(value: Any, kind: str, package: str, place: str) -> Iterator[str]:
    if kind in _OPAQUE:
        return
    published = published_type(package, kind)
    if not isinstance(value, Mapping):
        yield f"{place}: must have keys, is {value!r}"
        return
    fields = {name: published.openapi_types[attribute] for attribute, name in published.attribute_map.items()}
    for name, item in value.items():
        if name not in fields:
            yield f"{place}.{name}: unknown to {kind}; it has {', '.join(sorted(fields))}"
        else:
            yield from problems(item, fields[name], package, f"{place}.{name}")
