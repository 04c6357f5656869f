"""Parses the values of a specification's parameters from the command line."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from pipeline.config.assignments import AssignmentError, split_assignment, yaml_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_OLD_TYPES = {"INT": "NUMBER_INTEGER", "DOUBLE": "NUMBER_DOUBLE", "STRING": "STRING"}
"""Type names before schema 2.1 → type names since then."""
_DESCRIPTIONS = {
    "NUMBER_INTEGER": "an integer",
    "NUMBER_DOUBLE": "a number",
    "BOOLEAN": "true or false",
    "STRING": "text",
    "LIST": "a list in YAML or JSON",
    "STRUCT": "a mapping in YAML or JSON",
}


class ParameterError(ValueError):
    """An unknown parameter, a missing value, or a value of the wrong type."""


@dataclasses.dataclass(frozen=True)
class Parameter:
    """A parameter of a specification.

    Attributes:
        kind: KFP's type name, such as `NUMBER_INTEGER`.
        default: the default value; None without one.
        required: whether each run must set it.
    """

    kind: str
    default: Any
    required: bool


def run_parameters(spec: Mapping[str, Any]) -> dict[str, Parameter]:
    """Returns the parameters that a PipelineSpec declares."""
    found = (spec["root"].get("inputDefinitions") or {}).get("parameters") or {}
    return {
        name: Parameter(
            kind=details.get("parameterType") or _OLD_TYPES.get(details.get("type", ""), "STRING"),
            default=details.get("defaultValue"),
            required="defaultValue" not in details and not details.get("isOptional", False),
        )
        for name, details in found.items()
    }


def parameter_values(parameters: Mapping[str, Parameter], assignments: Iterable[str]) -> dict[str, Any]:
    """Parses `name=value` texts, each value with the type that the specification declares.

    Raises:
        ParameterError: an unknown or missing parameter, or a value of the wrong type.
    """
    values: dict[str, Any] = {}
    for assignment in assignments:
        try:
            name, text = split_assignment(assignment, "parameter=value")
        except AssignmentError as error:
            raise ParameterError(f"--set {assignment}: {error}. {_described(parameters)}") from error
        if name not in parameters:
            raise ParameterError(f"--set {assignment}: unknown parameter {name!r}. {_described(parameters)}")
        values[name] = _typed(name, text, parameters[name].kind)
    missing = [name for name, parameter in parameters.items() if parameter.required and name not in values]
    if missing:
        raise ParameterError(
            f"parameter {missing[0]!r} has no default: give --set {missing[0]}=…. {_described(parameters)}"
        )
    return values


def _described(parameters: Mapping[str, Parameter]) -> str:
    if not parameters:
        return "The specification has no parameters: to change a setting, compile it again"
    descriptions = (
        f"{name} ({_DESCRIPTIONS.get(parameter.kind, parameter.kind)}"
        f"{f', default {parameter.default!r}' if parameter.default is not None else ''})"
        for name, parameter in parameters.items()
    )
    return f"The parameters are {', '.join(descriptions)}"


def _typed(name: str, text: str, kind: str) -> Any:
    if kind == "STRING":
        return text
    value: Any = None
    try:
        value = float(text) if kind == "NUMBER_DOUBLE" else yaml_value(text)  # YAML parses 1e-3 as text
    except ValueError:
        value = None
    expected = {"NUMBER_INTEGER": int, "NUMBER_DOUBLE": float, "BOOLEAN": bool, "LIST": list, "STRUCT": dict}.get(kind)
    if expected is None:
        return text if value is None else value
    if not isinstance(value, expected) or (expected is int and isinstance(value, bool)):
        raise ParameterError(f"--set {name}={text}: {name} must be {_DESCRIPTIONS[kind]}")
    return value
