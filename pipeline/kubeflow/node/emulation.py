"""Runs a compiled specification without a cluster: each node's own command in a fresh process, as KFP would.

Every node has a container folder of its own, which begins with its declared inputs alone, copied from a folder that
stands for the object store, and whose declared outputs are copied back: what a node takes from elsewhere is missed.
Volumes are not emulated: a path that is a parameter is the path on this machine. Nor are caching, retries, images and
resources.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import time
import uuid
from collections.abc import Callable, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from pipeline.kubeflow.compile.spec_file import SpecFile
from pipeline.kubeflow.node.executor_input import (
    LOGS_OUTPUT,
    BackendError,
    StoredArtifact,
    build_executor_input,
    run_arguments,
    store_metadata,
)
from pipeline.kubeflow.node.storage_mounts import LOCAL_ROOT_VARIABLE, MOUNTS

BUCKET = "minio://emulated"
_STORE, _CONTAINERS, _LOGS = "object_store", "containers", "logs"


class EmulationError(RuntimeError):
    """A node that failed; the message says which, why, and where its output is.

    Attributes:
        log: what the node's process printed.
    """

    def __init__(self, message: str, log: Path):
        super().__init__(message)
        self.log = log


@dataclasses.dataclass(frozen=True)
class EmulatedRun:
    """A run that is through.

    Attributes:
        outputs: (task, output key) → the folder or file in the store.
        metadata: (task, output key) → the artifact's metadata, as the backend's store has it.
        seconds: task → how long its process ran.
    """

    outputs: dict[tuple[str, str], Path]
    metadata: dict[tuple[str, str], dict[str, object]]
    seconds: dict[str, float]


def emulate(
    file: SpecFile,
    folder: Path,
    parameters: Mapping[str, str],
    *,
    environment: Mapping[str, str] | None = None,
    on_task: Callable[[str], None] = lambda task: None,
) -> EmulatedRun:
    """Runs all nodes, in the order of the DAG.

    Args:
        file: the specification.
        folder: gets the store, the containers' folders and the logs; each node runs in a folder below it.
        parameters: the run's parameters, as text.
        environment: the containers' variables; by default this process's own, without `PYTHONPATH`. `python` is
            looked up in its `PATH`.
        on_task: is called before each node.

    Raises:
        BackendError: the backend would refuse the run.
        EmulationError: a node failed.
    """
    spec = json_format.ParseDict(file.spec, pipeline_spec_pb2.PipelineSpec())
    arguments = run_arguments(spec, parameters)
    run_root = f"{BUCKET}/{spec.pipeline_info.name}/{uuid.uuid4()}"
    if environment is None:
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    stored: dict[tuple[str, str], StoredArtifact] = {}
    seconds: dict[str, float] = {}
    for name in task_order(spec):
        on_task(name)
        started = time.monotonic()
        _run_task(spec, name, folder, run_root, arguments, stored, environment)
        seconds[name] = time.monotonic() - started
    return EmulatedRun(
        outputs={key: _in_store(folder, artifact.uri) for key, artifact in stored.items()},
        metadata={key: json_format.MessageToDict(artifact.metadata) for key, artifact in stored.items()},
        seconds=seconds,
    )


def task_order(spec: pipeline_spec_pb2.PipelineSpec) -> list[str]:
    """The tasks, each after those that it depends on, and by name where that leaves a choice.

    Raises:
        BackendError: the tasks depend on each other in a circle, or on one that is not there.
    """
    graph = {name: _before(task) for name, task in sorted(spec.root.dag.tasks.items())}
    for name, before in graph.items():
        if not before <= set(graph):
            raise BackendError(f"task {name!r} depends on {min(before - set(graph))!r}, which is not there")
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        raise BackendError(f"the tasks {', '.join(error.args[1])} wait for each other") from error


def _before(task: pipeline_spec_pb2.PipelineTaskSpec) -> set[str]:
    producers = {source.task_output_artifact.producer_task for source in task.inputs.artifacts.values()}
    return producers | set(task.dependent_tasks)


def _run_task(
    spec: pipeline_spec_pb2.PipelineSpec,
    name: str,
    folder: Path,
    run_root: str,
    arguments: Mapping[str, object],
    stored: dict[tuple[str, str], StoredArtifact],
    environment: Mapping[str, str],
) -> None:
    """One container's life: inputs in, the command, outputs out."""
    task = spec.root.dag.tasks[name]
    component = spec.components[task.component_ref.name]
    executor = json_format.MessageToDict(spec.deployment_spec)["executors"][component.executor_label]
    if "container" not in executor:
        raise BackendError(f"task {name!r}: {', '.join(executor)} executors not implemented")
    container_folder = folder / _CONTAINERS / name
    output_file = container_folder / "kfp_outputs" / "output_metadata.json"
    executor_input = build_executor_input(
        task,
        component,
        run_root=run_root,
        salt=str(uuid.uuid4()),
        output_file=str(output_file),
        arguments=arguments,
        stored=stored,
    )
    work = container_folder / "work"
    work.mkdir(parents=True)
    for artifacts in executor_input.inputs.artifacts.values():
        uri = artifacts.artifacts[0].uri
        _copy(_in_store(folder, uri), _in_container(container_folder, uri))
    for artifacts in executor_input.outputs.artifacts.values():
        _in_container(container_folder, artifacts.artifacts[0].uri).parent.mkdir(parents=True, exist_ok=True)
    log = folder / _LOGS / f"{name}.log"
    _run_command(name, executor["container"], executor_input, work, log, environment)
    _publish(name, executor_input, output_file, container_folder, folder, log, stored)
    shutil.rmtree(container_folder)


def _run_command(
    name: str,
    container: Mapping[str, object],
    executor_input: pipeline_spec_pb2.ExecutorInput,
    work: Path,
    log: Path,
    environment: Mapping[str, str],
) -> None:
    message = json_format.MessageToJson(executor_input, indent=None)
    words = [*container.get("command", []), *container.get("args", [])]  # type: ignore[misc]
    command = [message if word == "{{$}}" else word for word in words]
    own = {entry["name"]: entry["value"] for entry in container.get("env", [])}  # type: ignore[attr-defined]
    variables = {**environment, **own, LOCAL_ROOT_VARIABLE: str(work.parent)}
    program = shutil.which(command[0], path=variables.get("PATH"))
    if program is None:
        raise BackendError(f"task {name!r}: the command {command[0]!r} is not on PATH")
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        finished = subprocess.run(
            [program, *command[1:]],
            cwd=work,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if finished.returncode:
        lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
        raise EmulationError(
            f"{name}: the command ended with status {finished.returncode}: {lines[-1] if lines else 'it said nothing'}",
            log,
        )


def _publish(
    name: str,
    executor_input: pipeline_spec_pb2.ExecutorInput,
    output_file: Path,
    container_folder: Path,
    folder: Path,
    log: Path,
    stored: dict[tuple[str, str], StoredArtifact],
) -> None:
    """Takes what the command says of its outputs, copies them to the store and records them."""
    answer = pipeline_spec_pb2.ExecutorOutput()
    if output_file.exists():
        json_format.Parse(output_file.read_text(), answer)
    _copy(log, _in_container(container_folder, executor_input.outputs.artifacts[LOGS_OUTPUT].artifacts[0].uri))
    for key, artifacts in executor_input.outputs.artifacts.items():
        artifact = artifacts.artifacts[0]
        if key in answer.artifacts:
            said = answer.artifacts[key].artifacts[0]
            artifact.uri = said.uri or artifact.uri
            artifact.metadata.MergeFrom(said.metadata)
        source = _in_container(container_folder, artifact.uri)
        if source.exists():  # a component may leave an output out
            _copy(source, _in_store(folder, artifact.uri))
        try:
            metadata = store_metadata(artifact.metadata)
        except BackendError as error:
            raise EmulationError(f"{name}: unable to produce MLMD artifact for output {key!r}: {error}", log) from error
        stored[name, key] = StoredArtifact(len(stored) + 1, artifact.uri, metadata)


def _in_store(folder: Path, uri: str) -> Path:
    return folder / _STORE / _below(uri)


def _in_container(container_folder: Path, uri: str) -> Path:
    return container_folder / _below(uri)


def _below(uri: str) -> str:
    for scheme, mount in MOUNTS.items():
        if uri.startswith(scheme):
            return f"{mount}/{uri.removeprefix(scheme)}"
    raise BackendError(f"failed to generate local path for URI {uri}: unsupported storage scheme")


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target)
    elif source.exists():
        shutil.copyfile(source, target)
