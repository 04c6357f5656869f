"""What the tests of the commands that talk to a server share: a small spec, and the commands themselves."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import yaml

from pipeline.commands import kubeflow_runs

NODES = ("Convert", "SegmentationTrainer.fcn8", "Pusher")
IMAGE = "registry.example/voc-seg:0.1.0"


def small_spec() -> dict[str, Any]:
    """A spec of three nodes and four parameters, as the compiler writes them."""
    tasks: dict[str, Any] = {}
    for index, node in enumerate(NODES):
        tasks[node] = {"componentRef": {"name": node}, "taskInfo": {"name": node}}
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
        "components": {node: {"executorLabel": "container"} for node in NODES},
        "deploymentSpec": {"executors": {"container": {"container": {"image": IMAGE, "command": ["true"]}}}},
    }


def write_spec(path: Path, spec: dict[str, Any] | None = None) -> Path:
    path.write_text(yaml.safe_dump(spec or small_spec(), sort_keys=False))
    return path


def vocseg_kubeflow(*arguments: object) -> int:
    """Runs `vocseg kubeflow …` in this process and returns its exit status."""
    parser = argparse.ArgumentParser(prog="vocseg")
    kubeflow = parser.add_subparsers(required=True).add_parser("kubeflow")
    kubeflow_runs.add_parsers(kubeflow.add_subparsers(required=True))
    options = parser.parse_args(["kubeflow", *map(str, arguments)])
    return options.command(options)
