"""What a report shows, gathered from a run's artifacts as plain data; whatever is missing is `None` or empty."""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from etils import epath
from ml_metadata.proto import metadata_store_pb2

from components.run_files import (
    ARTIFACTS_FOLDER,
    DATA_SUMMARY_FILE,
    EVALUATION_FILE,
    EXAMPLES_FOLDER,
    HISTORY_JSON,
    SELECTION_FILE,
    SMOKE_TEST_FILE,
    VALIDATION_FILE,
)
from pipeline.metadata.runs import (
    CONFIG_FACT,
    PUSHED_MODEL_KEY,
    VERSIONS_FACT,
    Node,
    Run,
    latest_complete_run,
    open_store,
    producer,
    property_value,
)
from pipeline.report.detector import Detector, read_detector
from tfds_voc_seg.records.files import REJECTS_FILE

# The names that the components give their files, again: those modules need TFX. A test holds them together.


@dataclasses.dataclass(frozen=True)
class Training:
    """How a candidate was made.

    Attributes:
        network: `name` and `options`.
        training: the training's settings.
        code: the hash of the code.
        finished: when it was trained, which may be in an earlier run.
        history: metric → its value after each epoch, `None` where there was none.
    """

    network: dict[str, Any]
    training: dict[str, Any]
    code: str
    finished: datetime.datetime
    history: dict[str, list[float | None]]


@dataclasses.dataclass(frozen=True)
class RunContents:
    """What a report shows.

    Attributes:
        run_id: TFX's name of the run.
        finished: when its last node ended.
        evaluation: `evaluation.json`.
        examples_folder: the evaluation's pictures.
        selection: `selection.json`.
        smoke_test: `smoke_test.json`.
        published: the published version's folder; `None` where nothing was published.
        withheld: why a model that was selected was not published all the same; `None` as a rule.
        version_in_service: the version that the candidates were compared with.
        trainings: candidate → how it was made.
        detector: that candidates began with; `None` where the run has none.
        data_summary: split → what it holds.
        findings: what DataValidator found; `None` where it was not asked.
        rejected: bad images that the conversion left out.
        data_parameters: VocExampleGen's: devkit, fingerprints, record configuration.
        data_converted: when the records were written.
        nodes: node id, its component's class, seconds, whether it came from the cache, and the hash of its code.
        config: the whole run's configuration.
        versions: of the libraries.
    """

    run_id: str
    finished: datetime.datetime
    evaluation: dict[str, Any] | None = None
    examples_folder: epath.Path | None = None
    selection: dict[str, Any] | None = None
    smoke_test: dict[str, Any] | None = None
    published: str | None = None
    withheld: str | None = None
    version_in_service: str | None = None
    trainings: dict[str, Training] = dataclasses.field(default_factory=dict)
    detector: Detector | None = None
    data_summary: dict[str, Any] | None = None
    findings: list[dict[str, Any]] | None = None
    rejected: list[dict[str, str]] = dataclasses.field(default_factory=list)
    data_parameters: dict[str, Any] = dataclasses.field(default_factory=dict)
    data_converted: datetime.datetime | None = None
    nodes: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    config: dict[str, Any] | None = None
    versions: dict[str, str] | None = None


def read_contents(output: Path) -> RunContents:
    """Gathers what the latest finished run in an output folder left.

    Args:
        output: what `vocseg run` wrote to. It may have been moved since: artifacts are looked for in it too.

    Raises:
        RunNotFoundError: the folder holds no finished run.
        ValueError: a file of the run is damaged.
    """
    store = open_store(output)
    run = latest_complete_run(store)
    trainings = {}
    for node in run.nodes:
        if "model_run" in node.outputs:
            # A cached result is as old as the execution that made it.
            made = producer(store, node.outputs["model_run"]) or node
            trainings[str(node.parameters.get("candidate", node.id))] = _training(node, made, output)
    folders = {
        key: _folder(run, key, output) for key in ("evaluation", "blessing", "smoke_test", "validation", "detector_run")
    }
    folders["examples"] = _folder(run, "examples", output)
    examples_folder = folders["evaluation"] / EXAMPLES_FOLDER if folders["evaluation"] else None
    data, pusher = run.node_with_output("examples"), run.node_with_output(PUSHED_MODEL_KEY)
    pushed = _properties(pusher.outputs[PUSHED_MODEL_KEY]) if pusher else {}
    return RunContents(
        run_id=run.run_id,
        finished=max(node.started + datetime.timedelta(seconds=node.seconds) for node in run.nodes),
        evaluation=_read_json(folders["evaluation"], EVALUATION_FILE),
        examples_folder=examples_folder if examples_folder and examples_folder.is_dir() else None,
        selection=_read_json(folders["blessing"], SELECTION_FILE),
        smoke_test=_read_json(folders["smoke_test"], SMOKE_TEST_FILE),
        published=pushed.get("pushed_destination") if pushed.get("pushed") else None,
        withheld=pushed.get("not_pushed_reason"),
        version_in_service=_version_in_service(run),
        trainings=trainings,
        detector=read_detector(folders["detector_run"]) if folders["detector_run"] else None,
        data_summary=_read_json(folders["validation"], DATA_SUMMARY_FILE),
        findings=_read_json(folders["validation"], VALIDATION_FILE),
        rejected=_read_lines(folders["examples"], REJECTS_FILE),
        data_parameters=data.parameters if data else {},
        data_converted=(producer(store, data.outputs["examples"]) or data).started if data else None,
        nodes=[_node_row(node) for node in run.nodes],
        config=run.facts.get(CONFIG_FACT),
        versions=run.facts.get(VERSIONS_FACT),
    )


def artifact_folder(artifact: metadata_store_pb2.Artifact, output: Path) -> epath.Path:
    """Where an artifact's files are: at its URI, or, where the output folder was moved, at the same place in that."""
    folder = epath.Path(artifact.uri)
    moved = epath.Path(output).joinpath(ARTIFACTS_FOLDER, *folder.parts[-3:])  # <node>/<output key>/<execution>
    return moved if not folder.exists() and moved.exists() else folder


def _folder(run: Run, key: str, output: Path) -> epath.Path | None:
    node = run.node_with_output(key)
    return artifact_folder(node.outputs[key], output) if node else None


def _training(node: Node, made: Node, output: Path) -> Training:
    return Training(
        network=json.loads(node.parameters.get("network", "{}")),
        training=json.loads(node.parameters.get("training", "{}")),
        code=node.parameters.get("code_fingerprint", ""),
        finished=made.started + datetime.timedelta(seconds=made.seconds),
        history=_read_json(artifact_folder(node.outputs["model_run"], output), HISTORY_JSON) or {},
    )


def _version_in_service(run: Run) -> str | None:
    models = [_properties(node.outputs["model"]) for node in run.nodes if "model" in node.outputs]
    return next((properties.get("version") for properties in models if properties.get("in_service")), None)


def _properties(artifact: metadata_store_pb2.Artifact) -> dict[str, Any]:
    return {name: property_value(value) for name, value in artifact.custom_properties.items()}


def _node_row(node: Node) -> dict[str, Any]:
    code = str(node.parameters.get("code_fingerprint", ""))
    return {"id": node.id, "type": node.type, "seconds": node.seconds, "cached": node.cached, "code": code}


def _read_json(folder: epath.Path | None, file: str) -> Any:
    if folder is None or not (folder / file).is_file():
        return None
    try:
        return json.loads((folder / file).read_text())
    except ValueError as error:
        raise ValueError(f"{folder / file} is damaged: {error}") from error


def _read_lines(folder: epath.Path | None, file: str) -> list[Any]:
    if folder is None or not (folder / file).is_file():
        return []
    return [json.loads(line) for line in (folder / file).read_text().splitlines()]


def known(values: Mapping[str, Any] | None, *keys: str) -> Any:
    """Looks up a value by a path of keys; `None` where the path ends early."""
    found: Any = values
    for key in keys:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found
