"""ML Metadata's record of the runs in an output folder, read without TFX, so that it answers at once."""

from __future__ import annotations

import dataclasses
import datetime
import importlib.metadata
import json
import platform
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ml_metadata import errors
from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2

from components.run_files import METADATA_FILE

PUSHED_MODEL_KEY = "pushed_model"
"""The output key of the node that publishes, the last of a run."""
CONFIG_FACT, VERSIONS_FACT = "config", "versions"

_VERSIONED = (
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
"""Node id → output key → its artifact."""


class RunNotFoundError(ValueError):
    """An output folder that holds no run to show; the message says what to name instead."""


@dataclasses.dataclass(frozen=True)
class Node:
    """What one node did.

    Attributes:
        id: the node's id in the pipeline.
        type: the component's class, with its module.
        parameters: execution parameters, by name.
        inputs: input key → artifacts.
        outputs: output key → artifact.
        cached: the result was taken from the cache.
        started: when it was launched.
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
class Run:
    """A run whose nodes have all finished.

    Attributes:
        run_id: TFX's name of the run: when it was started.
        nodes: in the order in which they were launched.
        facts: what `record_facts` noted of it: `config` and `versions`, where they were noted.
    """

    run_id: str
    nodes: tuple[Node, ...]
    facts: dict[str, Any]

    def node_with_output(self, key: str) -> Node | None:
        """The node that has an output of this key; the first where there are several."""
        return next((node for node in self.nodes if key in node.outputs), None)


def open_store(output: Path) -> MetadataStore:
    """Opens the metadata of an output folder, for reading.

    Raises:
        RunNotFoundError: the folder does not exist, or holds no metadata that can be read.
    """
    if not output.is_dir():
        raise RunNotFoundError(f"{output} is not a folder; name the output folder of a run, such as runs/demo")
    file = output / METADATA_FILE
    if not file.is_file():
        raise RunNotFoundError(f"{output} holds no run: it has no {METADATA_FILE}; name what `vocseg run` wrote to")
    settings = metadata_store_pb2.ConnectionConfig()
    settings.sqlite.filename_uri = str(file)
    settings.sqlite.connection_mode = metadata_store_pb2.SqliteMetadataSourceConfig.READONLY
    try:
        store = MetadataStore(settings)
        store.get_context_types()
    except (errors.StatusError, RuntimeError) as error:
        reason = str(error).partition(" query:")[0]
        raise RunNotFoundError(f"{file} can't be read as ML Metadata ({reason})") from error
    return store


def latest_complete_run(store: MetadataStore) -> Run:
    """Looks up the newest run whose nodes have all finished, publishing included.

    Raises:
        RunNotFoundError: there is none.
    """
    contexts = sorted(store.get_contexts_by_type("pipeline_run"), key=lambda context: context.id, reverse=True)
    for context in contexts:
        executions = store.get_executions_by_context(context.id)
        if executions and all(execution.last_known_state in _FINISHED for execution in executions):
            run = _run(store, context, executions)
            if run.node_with_output(PUSHED_MODEL_KEY):
                return run
    begun = f"{len(contexts)} run(s) were begun there, none of them has finished" if contexts else "none was begun"
    raise RunNotFoundError(f"no finished run: {begun}; `vocseg run` with the same output goes on with it")


def outputs_of_run(store: MetadataStore, run_id: str) -> NodeOutputs:
    """Looks up what each node of a run gave, cached results included."""
    context = store.get_context_by_type_and_name("pipeline_run", run_id)
    run = _run(store, context, store.get_executions_by_context(context.id))
    return {node.id: node.outputs for node in run.nodes}


def producer(store: MetadataStore, artifact: metadata_store_pb2.Artifact) -> Node | None:
    """The node that made an artifact: not one that later took it from the cache. `None` where none is on record."""
    events = [event for event in store.get_events_by_artifact_ids([artifact.id]) if event.type == _Event.OUTPUT]
    executions = store.get_executions_by_id([event.execution_id for event in events])
    made = [execution for execution in executions if execution.last_known_state == _Execution.COMPLETE]
    return _nodes(store, made[:1])[0] if made else None


def record_facts(store: MetadataStore, run_id: str, config: dict[str, Any]) -> None:
    """Notes the configuration and the libraries' versions beside a run, for those who read it later."""
    context = store.get_context_by_type_and_name("pipeline_run", run_id)
    context.custom_properties[CONFIG_FACT].string_value = json.dumps(config)
    context.custom_properties[VERSIONS_FACT].string_value = json.dumps(library_versions())
    store.put_contexts([context])


def library_versions() -> dict[str, str]:
    """The versions of Python and of the libraries that shape a result, as installed here."""
    versions = {"python": platform.python_version()}
    for name in _VERSIONED:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def property_value(value: metadata_store_pb2.Value) -> Any:
    """A property's value, whichever type it has."""
    kind = value.WhichOneof("value")
    return getattr(value, kind) if kind else None


def moment(milliseconds: int) -> datetime.datetime:
    """A time as ML Metadata keeps it, in the local time zone."""
    return datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.UTC).astimezone()


def _run(
    store: MetadataStore, context: metadata_store_pb2.Context, executions: Sequence[metadata_store_pb2.Execution]
) -> Run:
    nodes = _nodes(store, sorted(executions, key=lambda execution: execution.id))
    facts = {
        key: json.loads(context.custom_properties[key].string_value)
        for key in (CONFIG_FACT, VERSIONS_FACT)
        if key in context.custom_properties
    }
    return Run(context.name, tuple(nodes), facts)


def _nodes(store: MetadataStore, executions: Iterable[metadata_store_pb2.Execution]) -> list[Node]:
    nodes = []
    for execution in executions:
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
        nodes.append(
            Node(
                id=names.get("node", "").removeprefix(f"{names.get('pipeline')}."),
                type=execution.type,
                parameters={name: property_value(value) for name, value in execution.custom_properties.items()},
                inputs=inputs,
                outputs=outputs,
                cached=execution.last_known_state == _Execution.CACHED,
                started=moment(started),
                seconds=(ended - started) / 1000,
            )
        )
    return nodes
