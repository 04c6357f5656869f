"""Runs a compiled specification without a cluster: each node's own command in a new process, as KFP would run it.

Each node gets its own container folder. It contains only the declared inputs, copied from a folder that stands for the
object store, and only the declared outputs are copied back: so a node that needs any other file fails. Volumes are not
emulated: a path in a parameter is a path on this machine. Caching, retries, images and resources are not emulated
either.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import time
import uuid
from typing import TYPE_CHECKING, Any

from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from pipeline.kubeflow.node.backend import (
    LOCAL_ROOT_VARIABLE,
    LOGS_OUTPUT,
    MOUNTS,
    BackendError,
    StoredArtifact,
    build_executor_input,
    run_arguments,
    store_metadata,
    task_order,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from pipeline.kubeflow.compile.specification import SpecFile

BUCKET = "minio://emulated"
_STORE, _CONTAINERS, _LOGS = "object_store", "containers", "logs"


class EmulationError(RuntimeError):
    """A node failed; the message names the node and the reason.

    Attributes:
        log: the file with the output of the node's process.
    """

    def __init__(self, message: str, log: Path):
        super().__init__(message)
        self.log = log


@dataclasses.dataclass(frozen=True)
class EmulatedRun:
    """A finished run.

    Attributes:
        outputs: (task, output key) → the folder or file in the emulated object store.
        metadata: (task, output key) → the artifact's metadata, as the backend's store returns them.
        seconds: task → duration of its process.
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
    on_task: Callable[[str], None] | None = None,
) -> EmulatedRun:
    """Runs all nodes, in the order of the DAG.

    Args:
        file: the specification.
        folder: the folder for the object store, the containers' folders and the logs.
        parameters: the run's parameters, as text.
        environment: environment variables of the containers; by default those of this process without `PYTHONPATH`.
            The command `python` is looked up in the variable `PATH`.
        on_task: called before each node, with the name of its task.

    Raises:
        BackendError: the backend would refuse the run.
        EmulationError: a node failed.
    """
    spec = json_format.ParseDict(file.spec, pipeline_spec_pb2.PipelineSpec())
    if environment is None:
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    emulation = _Emulation(spec, folder, run_arguments(spec, parameters), environment)
    seconds: dict[str, float] = {}
    for name in task_order(spec):
        if on_task:
            on_task(name)
        started = time.monotonic()
        emulation.run_task(name)
        seconds[name] = time.monotonic() - started
    stored = emulation.stored
    return EmulatedRun(
        outputs={key: _in_store(folder, artifact.uri) for key, artifact in stored.items()},
        metadata={key: json_format.MessageToDict(artifact.metadata) for key, artifact in stored.items()},
        seconds=seconds,
    )


class _Emulation:
    """An emulated run in progress.

    Attributes:
        stored: the outputs of the tasks that have run.
    """

    def __init__(
        self,
        spec: pipeline_spec_pb2.PipelineSpec,
        folder: Path,
        arguments: Mapping[str, Any],
        environment: Mapping[str, str],
    ):
        self._spec, self._folder = spec, folder
        self._arguments, self._environment = arguments, environment
        self._executors = json_format.MessageToDict(spec.deployment_spec)["executors"]
        self._run_root = f"{BUCKET}/{spec.pipeline_info.name}/{uuid.uuid4()}"
        self.stored: dict[tuple[str, str], StoredArtifact] = {}

    def run_task(self, name: str) -> None:
        """Runs one task: copies its inputs to its container folder, runs its command, stores its outputs."""
        task = self._spec.root.dag.tasks[name]
        component = self._spec.components[task.component_ref.name]
        executor = self._executors[component.executor_label]
        if "container" not in executor:
            raise BackendError(f"task {name!r}: {', '.join(executor)} executors are not implemented")
        container_folder = self._folder / _CONTAINERS / name
        output_file = container_folder / "kfp_outputs" / "output_metadata.json"
        executor_input = build_executor_input(
            task,
            component,
            run_root=self._run_root,
            salt=str(uuid.uuid4()),
            output_file=str(output_file),
            arguments=self._arguments,
            stored=self.stored,
        )
        working_folder = container_folder / "work"
        working_folder.mkdir(parents=True)
        for artifacts in executor_input.inputs.artifacts.values():
            uri = artifacts.artifacts[0].uri
            _copy(_in_store(self._folder, uri), _in_container(container_folder, uri))
        for artifacts in executor_input.outputs.artifacts.values():
            _in_container(container_folder, artifacts.artifacts[0].uri).parent.mkdir(parents=True, exist_ok=True)
        log = self._folder / _LOGS / f"{name}.log"
        self._run_command(name, executor["container"], executor_input, working_folder, log)
        self._store_outputs(name, executor_input, output_file, container_folder, log)
        shutil.rmtree(container_folder)

    def _run_command(
        self,
        name: str,
        container: Mapping[str, Any],
        executor_input: pipeline_spec_pb2.ExecutorInput,
        working_folder: Path,
        log: Path,
    ) -> None:
        message = json_format.MessageToJson(executor_input, indent=None)
        words = [*container.get("command", []), *container.get("args", [])]
        command = [message if word == "{{$}}" else word for word in words]
        own_variables = {entry["name"]: entry["value"] for entry in container.get("env", [])}
        variables = {**self._environment, **own_variables, LOCAL_ROOT_VARIABLE: str(working_folder.parent)}
        program = shutil.which(command[0], path=variables.get("PATH"))
        if program is None:
            raise BackendError(f"task {name!r}: the command {command[0]!r} is not on PATH")
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output:
            finished = subprocess.run(
                [program, *command[1:]],
                cwd=working_folder,
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if finished.returncode:
            lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
            last_line = lines[-1] if lines else "it printed nothing"
            raise EmulationError(f"{name}: the command ended with status {finished.returncode}: {last_line}", log)

    def _store_outputs(
        self,
        name: str,
        executor_input: pipeline_spec_pb2.ExecutorInput,
        output_file: Path,
        container_folder: Path,
        log: Path,
    ) -> None:
        """Reads the command's answer, copies the outputs to the object store and records their metadata."""
        answer = pipeline_spec_pb2.ExecutorOutput()
        if output_file.exists():
            json_format.Parse(output_file.read_text(), answer)
        outputs = executor_input.outputs.artifacts
        _copy(log, _in_container(container_folder, outputs[LOGS_OUTPUT].artifacts[0].uri))
        for key, artifacts in outputs.items():
            artifact = artifacts.artifacts[0]
            if key in answer.artifacts:
                answered = answer.artifacts[key].artifacts[0]
                artifact.uri = answered.uri or artifact.uri
                artifact.metadata.MergeFrom(answered.metadata)
            source = _in_container(container_folder, artifact.uri)
            if source.exists():  # a component may write no file for an output
                _copy(source, _in_store(self._folder, artifact.uri))
            try:
                metadata = store_metadata(artifact.metadata)
            except BackendError as error:
                raise EmulationError(
                    f"{name}: unable to produce MLMD artifact for output {key!r}: {error}", log
                ) from error
            self.stored[name, key] = StoredArtifact(len(self.stored) + 1, artifact.uri, metadata)


def _in_store(folder: Path, uri: str) -> Path:
    return folder / _STORE / _relative_path(uri)


def _in_container(container_folder: Path, uri: str) -> Path:
    return container_folder / _relative_path(uri)


def _relative_path(uri: str) -> str:
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
