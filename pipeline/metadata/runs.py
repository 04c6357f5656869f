"""Reads what ML Metadata recorded of the runs in an output folder, without TFX: importing TFX takes many seconds."""

from __future__ import annotations

import dataclasses
import datetime
import importlib.metadata
import json
import platform
from typing import TYPE_CHECKING, Any

from ml_metadata import errors
from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2

from components.run_files import METADATA_FILE
from pipeline.metadata.database import DatabaseError, check_database
from pipeline.metadata.execution_records import record_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

PUSHED_MODEL_KEY = "pushed_model"
"""The output key of the Pusher, the last node of a run."""
CONFIG_FACT, VERSIONS_FACT = "config", "versions"

_VERSIONED_PACKAGES = (
    "voc-seg",
    "tfx",
    "tensorflow",
    "keras",
    "apache-beam",
    "tensorflow-datasets",
    "tensorflow-model-analysis",
    "tensorflow-data-validation",
    "ml-metadata",
    "numpy",
    "pillow",
)
_Event, _Execution = metadata_store_pb2.Event, metadata_store_pb2.Execution
_FINISHED = (_Execution.COMPLETE, _Execution.CACHED)

NodeOutputs = dict[str, dict[str, metadata_store_pb2.Artifact]]
"""Node id → output key → artifact."""


class RunNotFoundError(ValueError):
    """The output folder holds no such run; the message says what to name instead."""


@dataclasses.dataclass(frozen=True)
class RecordedNode:
    """One node of a run.

    Attributes:
        id: the node's id in the pipeline.
        type: the component's class, with its module.
        parameters: execution parameters, by name.
        inputs: input key → artifacts.
        outputs: output key → artifact.
        cached: whether the result came from the cache.
        started: when the node was launched.
        seconds: how long it took.
    """

    id: str
    type: str
    parameters: dict[str, Any]
    inputs: dict[str, list[metadata_store_pb2.Artifact]]
    outputs: dict[str, metadata_store_pb2.Artifact]
    cached: bool
    started: datetime.datetime
    seconds: float


@dataclasses.dataclass(frozen=True)
class RecordedRun:
    """A run, as ML Metadata recorded it.

    Attributes:
        run_id: TFX's id of the run: the time at which it was started.
        nodes: in the order in which they were launched.
        facts: what `record_facts` stored, under the keys `config` and `versions`; empty for a run without facts.
    """

    run_id: str
    nodes: tuple[RecordedNode, ...]
    facts: dict[str, Any]

    def node_with_output(self, key: str) -> RecordedNode | None:
        """Returns the first node that has an output with this key; `None` if no node has one."""
        return next((node for node in self.nodes if key in node.outputs), None)


def open_store(output: Path) -> MetadataStore:
    """Opens the metadata of an output folder, read-only.

    Raises:
        RunNotFoundError: the folder does not exist, or its metadata do not exist, are damaged or cannot be read.
    """
    if not output.is_dir():
        raise RunNotFoundError(f"{output} is not a folder; name the output folder of a run, such as runs/demo")
    file = output / METADATA_FILE
    if not file.is_file() and record_files(output):
        raise RunNotFoundError(f"{file} is missing; run `vocseg repair {output}`, which builds it again")
    if not file.is_file():
        raise RunNotFoundError(
            f"{output} holds no run: it has no {METADATA_FILE}; name the output folder of `vocseg run`"
        )
    settings = metadata_store_pb2.ConnectionConfig()
    settings.sqlite.filename_uri = str(file)
    settings.sqlite.connection_mode = metadata_store_pb2.SqliteMetadataSourceConfig.READONLY
    try:
        check_database(file)
        store = MetadataStore(settings)
        store.get_context_types()
    except DatabaseError as error:
        raise RunNotFoundError(str(error)) from error
    except (errors.StatusError, RuntimeError) as error:
        reason = str(error).partition(" query:")[0]
        raise RunNotFoundError(f"{file} cannot be read as ML Metadata ({reason})") from error
    return store


def latest_complete_run(store: MetadataStore) -> RecordedRun:
    """Returns the newest run whose nodes have all finished, the Pusher included.

    Raises:
        RunNotFoundError: no run has finished.
    """
    contexts = sorted(store.get_contexts_by_type("pipeline_run"), key=lambda context: context.id, reverse=True)
    for context in contexts:
        executions = store.get_executions_by_context(context.id)
        if executions and all(execution.last_known_state in _FINISHED for execution in executions):
            run = _read_run(store, context, executions)
            if run.node_with_output(PUSHED_MODEL_KEY):
                return run
    count = f"{len(contexts)} run(s) were started there, but none has finished" if contexts else "none was started"
    raise RunNotFoundError(f"no finished run: {count}; `vocseg run` with the same output resumes it")


def outputs_of_run(store: MetadataStore, run_id: str) -> NodeOutputs:
    """Returns the outputs of each node of a run, cached results included."""
    context = store.get_context_by_type_and_name("pipeline_run", run_id)
    run = _read_run(store, context, store.get_executions_by_context(context.id))
    return {node.id: node.outputs for node in run.nodes}


def producer(store: MetadataStore, artifact: metadata_store_pb2.Artifact) -> RecordedNode | None:
    """Returns the node that made an artifact, not a later one that took it from the cache; `None` if there is none."""
    events = [event for event in store.get_events_by_artifact_ids([artifact.id]) if event.type == _Event.OUTPUT]
    executions = store.get_executions_by_id([event.execution_id for event in events])
    made = [execution for execution in executions if execution.last_known_state == _Execution.COMPLETE]
    return _read_nodes(store, made[:1])[0] if made else None


def record_facts(store: MetadataStore, run_id: str, config: dict[str, Any]) -> None:
    """Stores a run's configuration and the versions of the installed libraries beside the run, for the report."""
    context = store.get_context_by_type_and_name("pipeline_run", run_id)
    context.custom_properties[CONFIG_FACT].string_value = json.dumps(config)
    context.custom_properties[VERSIONS_FACT].string_value = json.dumps(library_versions())
    store.put_contexts([context])


def library_versions() -> dict[str, str]:
    """Returns the installed versions of Python and of the libraries that a result depends on."""
    versions = {"python": platform.python_version()}
    for name in _VERSIONED_PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def property_value(value: metadata_store_pb2.Value) -> Any:
    """Returns the value of a property, of whichever type; `None` if it has none."""
    kind = value.WhichOneof("value")
    return getattr(value, kind) if kind else None


def moment(milliseconds: int) -> datetime.datetime:
    """Converts ML Metadata's time (milliseconds since the epoch) to the local time zone."""
    return datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.UTC).astimezone()


def _read_run(
    store: MetadataStore, context: metadata_store_pb2.Context, executions: Sequence[metadata_store_pb2.Execution]
) -> RecordedRun:
    nodes = _read_nodes(store, sorted(executions, key=lambda execution: execution.id))
    facts = {
        key: json.loads(context.custom_properties[key].string_value)
        for key in (CONFIG_FACT, VERSIONS_FACT)
        if key in context.custom_properties
    }
    return RecordedRun(context.name, tuple(nodes), facts)


def _read_nodes(store: MetadataStore, executions: Iterable[metadata_store_pb2.Execution]) -> list[RecordedNode]:
    return [_read_node(store, execution) for execution in executions]


def _read_node(store: MetadataStore, execution: metadata_store_pb2.Execution) -> RecordedNode:
    events = store.get_events_by_execution_ids([execution.id])
    artifacts = {artifact.id: artifact for artifact in store.get_artifacts_by_id([e.artifact_id for e in events])}
    inputs: dict[str, list[metadata_store_pb2.Artifact]] = {}
    outputs: dict[str, metadata_store_pb2.Artifact] = {}
    for event in events:
        key, artifact = event.path.steps[0].key, artifacts[event.artifact_id]
        if event.type == _Event.INPUT:
            inputs.setdefault(key, []).append(artifact)
        elif event.type == _Event.OUTPUT:
            outputs[key] = artifact
    names = {context.type: context.name for context in store.get_contexts_by_execution(execution.id)}
    started, ended = execution.create_time_since_epoch, execution.last_update_time_since_epoch
    return RecordedNode(
        id=names.get("node", "").removeprefix(f"{names.get('pipeline')}."),
        type=execution.type,
        parameters={name: property_value(value) for name, value in execution.custom_properties.items()},
        inputs=inputs,
        outputs=outputs,
        cached=execution.last_known_state == _Execution.CACHED,
        started=moment(started),
        seconds=(ended - started) / 1000,
    )
