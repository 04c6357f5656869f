"""What the tests of the commands that talk to a server share: a small spec, and the commands themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from pipeline import cli

NODES = ("VocExampleGen", "SegmentationTrainer-fcn8", "Pusher")
IMAGE = "registry.example/voc-seg:0.1.0"


def small_spec() -> dict[str, Any]:
    """A spec of three nodes and four parameters, as the compiler writes them."""
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
    path.write_text(yaml.safe_dump(spec or small_spec(), sort_keys=False))
    return path


def vocseg_kubeflow(*arguments: object) -> int:
    """Runs `vocseg kubeflow …` in this process and returns its exit status."""
    return cli.main(["kubeflow", *map(str, arguments)])
