"""Helpers for tests of `vocseg kubeflow`: a small specification, and a function that runs the commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from pipeline import cli

if TYPE_CHECKING:
    from pathlib import Path

NODES = ("VocExampleGen", "SegmentationTrainer-fcn8", "Pusher")
IMAGE = "registry.example/voc-seg:0.1.0"


def small_spec() -> dict[str, Any]:
    """Returns a specification with three nodes and four parameters, in the compiler's format."""
    tasks: dict[str, Any] = {}
    for index, node in enumerate(NODES):
        tasks[node] = {"componentRef": {"name": f"comp-{node}"}, "taskInfo": {"name": node}}
        if index:
            tasks[node]["dependentTasks"] = [NODES[index - 1]]
    return {
        "pipelineInfo": {"name": "voc-seg-small"},
        "schemaVersion": "2.1.0",
        "sdkVersion": "tfx-1.21.0",
        "root": {
            "dag": {"tasks": tasks},
            "inputDefinitions": {
                "parameters": {
                    "devkit": {"parameterType": "STRING", "defaultValue": "gs://bucket/VOC2012"},
                    "epochs": {"parameterType": "NUMBER_INTEGER", "defaultValue": 20},
                    "learning_rate": {"parameterType": "NUMBER_DOUBLE", "isOptional": True},
                    "publish": {"parameterType": "BOOLEAN", "defaultValue": True},
                }
            },
        },
        "components": {f"comp-{node}": {"executorLabel": "container"} for node in NODES},
        "deploymentSpec": {"executors": {"container": {"container": {"image": IMAGE, "command": ["true"]}}}},
    }


def write_spec(path: Path, spec: dict[str, Any] | None = None) -> Path:
    """Writes a specification, by default the small one, and returns the path."""
    path.write_text(yaml.safe_dump(spec or small_spec(), sort_keys=False))
    return path


def vocseg_kubeflow(*arguments: object) -> int:
    """Runs `vocseg kubeflow …` in this process and returns its exit status."""
    return cli.main(["kubeflow", *map(str, arguments)])
