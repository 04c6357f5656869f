"""Names that the open-source backend takes.

It makes an Argo workflow of the specification. Task and component names become those of Argo's tasks and templates,
which allow letters, digits and hyphens alone (`workflowFieldNameFmt` in argo-workflows); TFX's node ids have dots.
"""

from __future__ import annotations

import re
from typing import Any

VALID_NAME = re.compile(r"[a-zA-Z0-9][-a-zA-Z0-9]*")
LONGEST_NAME = 128 - len("-driver")
"""The backend adds a task `<name>-driver` for each."""


def task_name(node_id: str) -> str:
    """The task of a node: its id with hyphens for what Argo refuses."""
    return re.sub(r"[^-a-zA-Z0-9]", "-", node_id)


def with_valid_names(spec: dict[str, Any]) -> dict[str, Any]:
    """Renames the tasks of a compiled specification, and names components and executors as KFP's own compiler does.

    Args:
        spec: a PipelineSpec as TFX compiles it: tasks, components and executors are named after the nodes.

    Returns:
        The same pipeline under names that the backend takes.

    Raises:
        ValueError: two nodes would have the same name.
    """
    root, deployment = spec["root"], spec["deploymentSpec"]
    tasks: dict[str, Any] = {}
    for node_id, task in root["dag"]["tasks"].items():
        name = task_name(node_id)
        if name in tasks:
            raise ValueError(f"two nodes would be the task {name}: rename one of them")
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
