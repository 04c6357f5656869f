"""A compiled specification: how its file is read, and the task and component names that the backend accepts.

The open-source backend turns the specification into an Argo workflow. Task and component names become the names of
Argo's tasks and templates, which allow only letters, digits and hyphens (`workflowFieldNameFmt` in argo-workflows).
TFX's node ids contain dots.
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any

from tfds_voc_seg.yaml_texts import YamlError, parse_documents

if TYPE_CHECKING:
    from pathlib import Path

PLATFORM = "kubernetes"
"""The key under `platforms` in the second document."""

VALID_NAME = re.compile(r"[a-zA-Z0-9][-a-zA-Z0-9]*")
MAX_NAME_LENGTH = 128 - len("-driver")
"""For each task the backend adds a task named `<name>-driver`."""


class SpecError(ValueError):
    """A file that is not a valid specification; the message names the file and the reason."""


@dataclasses.dataclass(frozen=True)
class SpecFile:
    """The documents of a specification.

    Attributes:
        spec: the PipelineSpec as plain values.
        platform: the content of `platforms.kubernetes.deploymentSpec.executors`; empty without a second document.
        is_job: whether the file is a pipeline job for Vertex AI, which contains the PipelineSpec.
    """

    spec: dict[str, Any]
    platform: dict[str, Any]
    is_job: bool = False


def read_spec(file: Path) -> SpecFile:
    """Reads a YAML specification or a JSON pipeline job.

    Raises:
        SpecError: the file cannot be read, or is neither of the two.
    """
    try:
        return parse_spec(file.read_text(), file)
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"{file}: cannot be read ({error})") from error


def parse_spec(text: str, file: Path) -> SpecFile:
    """Parses the text of a specification or pipeline job; `file` is its name in error messages.

    Raises:
        SpecError: the text is neither of the two.
    """
    try:
        documents = [document for document in parse_documents(text) if document is not None]
    except YamlError as error:
        raise SpecError(f"{file}: invalid YAML: {error}") from error
    first = documents[0] if documents and isinstance(documents[0], dict) else {}
    is_job = isinstance(first.get("pipelineSpec"), dict)
    spec = first["pipelineSpec"] if is_job else first
    if not ("root" in spec and "deploymentSpec" in spec):
        raise SpecError(f"{file}: contains no pipeline specification; create one with `vocseg kubeflow compile`")
    platforms = documents[1].get("platforms", {}) if len(documents) > 1 and isinstance(documents[1], dict) else {}
    executors = platforms.get(PLATFORM, {}).get("deploymentSpec", {}).get("executors", {})
    return SpecFile(spec, executors, is_job)


def task_name(node_id: str) -> str:
    """Returns the task name of a node: its id, with hyphens in place of characters that Argo refuses."""
    return re.sub(r"[^-a-zA-Z0-9]", "-", node_id)


def with_valid_names(spec: dict[str, Any]) -> dict[str, Any]:
    """Renames tasks, components and executors of a specification in the way KFP's own compiler names them.

    Args:
        spec: a PipelineSpec compiled by TFX, which names tasks, components and executors after the nodes.

    Returns:
        The same pipeline with names that the backend accepts.

    Raises:
        ValueError: two nodes would get the same name.
    """
    root, deployment = spec["root"], spec["deploymentSpec"]
    tasks: dict[str, Any] = {}
    for node_id, task in root["dag"]["tasks"].items():
        name = task_name(node_id)
        if name in tasks:
            raise ValueError(f"two nodes would both become the task {name!r}: rename one of them")
        tasks[name] = _renamed_task(name, task)
    components = {
        f"comp-{task_name(node_id)}": {**component, "executorLabel": _executor_name(component["executorLabel"])}
        for node_id, component in spec["components"].items()
    }
    executors = {_executor_name(label): executor for label, executor in deployment["executors"].items()}
    return {
        **spec,
        "components": components,
        "deploymentSpec": {**deployment, "executors": executors},
        "root": {**root, "dag": {**root["dag"], "tasks": tasks}},
    }


def _renamed_task(name: str, task: dict[str, Any]) -> dict[str, Any]:
    renamed = {**task, "taskInfo": {"name": name}, "componentRef": {"name": f"comp-{name}"}}
    if "dependentTasks" in task:
        renamed["dependentTasks"] = [task_name(dependency) for dependency in task["dependentTasks"]]
    inputs = task.get("inputs", {})
    if "artifacts" in inputs:
        artifacts = {key: _renamed_source(source) for key, source in inputs["artifacts"].items()}
        renamed["inputs"] = {**inputs, "artifacts": artifacts}
    return renamed


def _renamed_source(source: dict[str, Any]) -> dict[str, Any]:
    output = source["taskOutputArtifact"]
    return {"taskOutputArtifact": {**output, "producerTask": task_name(output["producerTask"])}}


def _executor_name(label: str) -> str:
    return f"exec-{task_name(label.removesuffix('_executor'))}"
