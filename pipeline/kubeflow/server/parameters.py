"""The parameters of a compiled specification, as the person who submits it gives them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.config.assignments import AssignmentError, split_assignment, yaml_value

_OLD_TYPES = {"INT": "NUMBER_INTEGER", "DOUBLE": "NUMBER_DOUBLE", "STRING": "STRING"}
"""Type names of specifications before schema 2.1, and what they are called now."""
_WORDS = {
    "NUMBER_INTEGER": "a whole number",
    "NUMBER_DOUBLE": "a number",
    "BOOLEAN": "true or false",
    "STRING": "text",
    "LIST": "a list, as YAML or JSON",
    "STRUCT": "keys and values, as YAML or JSON",
}


class ParameterError(ValueError):
    """A parameter that the specification does not have, or a value of another type; the message is for people."""


@dataclasses.dataclass(frozen=True)
class Parameter:
    """A parameter that a run can be given.

    Attributes:
        kind: KFP's type name, such as `NUMBER_INTEGER`.
        default: the value that a run has without one; None where there is none.
        required: whether a run can't do without.
    """

    kind: str
    default: Any
    required: bool


def run_parameters(spec: Mapping[str, Any]) -> dict[str, Parameter]:
    """The parameters that a PipelineSpec declares."""
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
    """Reads `name=value` texts, each value as the specification types it.

    Raises:
        ParameterError: an unknown or missing parameter, or a value of another type.
    """
    values = {}
    for assignment in assignments:
        try:
            name, text = split_assignment(assignment, "parameter=value")
        except AssignmentError as error:
            raise ParameterError(f"--set {assignment}: {error}. {_which(parameters)}") from error
        if name not in parameters:
            raise ParameterError(f"--set {assignment}: there is no parameter {name!r}. {_which(parameters)}")
        values[name] = _typed(name, text, parameters[name].kind)
    missing = [name for name, parameter in parameters.items() if parameter.required and name not in values]
    if missing:
        raise ParameterError(f"{missing[0]} has no default: give it with --set {missing[0]}=…. {_which(parameters)}")
    return values


def _which(parameters: Mapping[str, Parameter]) -> str:
    if not parameters:
        return "The specification has no parameters: compile it anew to change a setting"
    described = (
        f"{name} ({_WORDS.get(parameter.kind, parameter.kind)}"
        f"{f', {parameter.default!r} by default' if parameter.default is not None else ''})"
        for name, parameter in parameters.items()
    )
    return f"The specification has {', '.join(described)}"


def _typed(name: str, text: str, kind: str) -> Any:
    if kind == "STRING":
        return text
    value: Any = None
    try:
        value = float(text) if kind == "NUMBER_DOUBLE" else yaml_value(text)  # YAML reads 1e-3 as text
    except ValueError:
        value = None
    expected = {"NUMBER_INTEGER": int, "NUMBER_DOUBLE": float, "BOOLEAN": bool, "LIST": list, "STRUCT": dict}.get(kind)
    if expected is None:
        return text if value is None else value
    if not isinstance(value, expected) or (expected is int and isinstance(value, bool)):
        raise ParameterError(f"--set {name}={text}: {name} is {_WORDS[kind]}")
    return value
