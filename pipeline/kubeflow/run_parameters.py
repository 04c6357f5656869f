"""A compiled pipeline spec as the person who submits it sees it: its name, its nodes, its parameters."""

from __future__ import annotations

import dataclasses
import graphlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

_OLD_TYPES = {"INT": "NUMBER_INTEGER", "DOUBLE": "NUMBER_DOUBLE", "STRING": "STRING"}
"""Type names of spec versions before 2.1, and what they are called now."""
_WORDS = {
    "NUMBER_INTEGER": "a whole number",
    "NUMBER_DOUBLE": "a number",
    "BOOLEAN": "true or false",
    "STRING": "text",
    "LIST": "a list, as YAML or JSON",
    "STRUCT": "keys and values, as YAML or JSON",
}


class SpecFileError(ValueError):
    """A file that is no pipeline spec, or a parameter that the spec does not have; the message is for people."""


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


@dataclasses.dataclass(frozen=True)
class SpecFile:
    """A pipeline spec.

    Attributes:
        path: the file.
        name: the pipeline's name.
        nodes: the names of its nodes, each after those that it waits for.
        parameters: name → parameter.
    """

    path: Path
    name: str
    nodes: tuple[str, ...]
    parameters: Mapping[str, Parameter]

    def values(self, assignments: Iterable[str]) -> dict[str, Any]:
        """Reads `name=value` texts, each value as the spec types it.

        Raises:
            SpecFileError: an unknown or missing parameter, or a value of another type.
        """
        values = {}
        for assignment in assignments:
            name, equals, text = assignment.partition("=")
            if not equals:
                raise SpecFileError(f"--set {assignment}: write parameter=value. {self._which()}")
            if name not in self.parameters:
                raise SpecFileError(f"--set {assignment}: {self.path.name} has no parameter {name!r}. {self._which()}")
            values[name] = _typed(name, text, self.parameters[name].kind)
        missing = [name for name, parameter in self.parameters.items() if parameter.required and name not in values]
        if missing:
            raise SpecFileError(f"{self.path.name} needs a value: --set {missing[0]}=…. {self._which()}")
        return values

    def _which(self) -> str:
        if not self.parameters:
            return "The spec has no parameters: compile it anew to change a setting"
        described = (
            f"{name} ({_WORDS.get(parameter.kind, parameter.kind)}"
            f"{f', {parameter.default!r} by default' if parameter.default is not None else ''})"
            for name, parameter in self.parameters.items()
        )
        return f"It has {', '.join(described)}"


def read_spec_file(path: Path) -> SpecFile:
    """Reads a spec, as `vocseg kubeflow compile` writes it.

    Raises:
        SpecFileError: the file can't be read, or holds something else.
    """
    if path.suffix not in (".yaml", ".yml"):
        raise SpecFileError(f"{path}: the server takes YAML; `vocseg kubeflow compile --output FILE.yaml` writes it")
    try:
        documents = [document for document in yaml.safe_load_all(path.read_text()) if document is not None]
    except OSError as error:
        raise SpecFileError(f"{path}: can't be read ({error.strerror})") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SpecFileError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    spec = documents[0] if documents else None
    if isinstance(spec, dict) and "pipelineSpec" in spec:
        raise SpecFileError(f"{path}: a pipeline job for Vertex AI; compile without --target vertex for this server")
    if not isinstance(spec, dict) or "pipelineInfo" not in spec or "root" not in spec:
        raise SpecFileError(f"{path}: not a pipeline spec; `vocseg kubeflow compile` writes one")
    return SpecFile(path, str(spec["pipelineInfo"].get("name", "")), nodes_of(spec), _parameters(spec))


def nodes_of(spec: Any) -> tuple[str, ...]:
    """The names of a spec's nodes, each after those that it waits for; none where there is no spec.

    The file's own order is lost on the way to the server and back: protobuf's maps have none.
    """
    tasks = ((spec or {}).get("root") or {}).get("dag", {}).get("tasks", {}) if isinstance(spec, dict) else {}
    waits = {name: sorted({*_waits_for(tasks[name])} & {*tasks}) for name in sorted(tasks)}
    try:
        return tuple(graphlib.TopologicalSorter(waits).static_order())
    except graphlib.CycleError:  # the server refuses it
        return tuple(waits)


def _waits_for(task: Mapping[str, Any]) -> Iterator[str]:
    yield from task.get("dependentTasks") or ()
    for kind in ("artifacts", "parameters"):
        for source in ((task.get("inputs") or {}).get(kind) or {}).values():
            for output in source.values():
                if isinstance(output, dict) and "producerTask" in output:
                    yield output["producerTask"]


def _parameters(spec: Mapping[str, Any]) -> dict[str, Parameter]:
    found = (spec["root"].get("inputDefinitions") or {}).get("parameters") or {}
    return {
        name: Parameter(
            kind=details.get("parameterType") or _OLD_TYPES.get(details.get("type", ""), "STRING"),
            default=details.get("defaultValue"),
            required="defaultValue" not in details and not details.get("isOptional", False),
        )
        for name, details in found.items()
    }


def _typed(name: str, text: str, kind: str) -> Any:
    if kind == "STRING":
        return text
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        value = None
    if kind == "NUMBER_DOUBLE":
        try:
            return float(text)  # YAML reads 1e-3 as text
        except ValueError:
            value = None
    expected = {"NUMBER_INTEGER": int, "BOOLEAN": bool, "LIST": list, "STRUCT": dict}.get(kind, object)
    if value is None or not isinstance(value, expected) or (expected is int and isinstance(value, bool)):
        raise SpecFileError(f"--set {name}={text}: {name} is {_WORDS.get(kind, kind)}")
    return value
