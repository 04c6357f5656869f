"""Collects the contents of a report from a run's artifacts as plain data. Missing contents are `None` or empty."""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from etils import epath

from components.run_files import (
    ARTIFACTS_FOLDER,
    DATA_SUMMARY_FILE,
    EVALUATION_FILE,
    EXAMPLES_FOLDER,
    HISTORY_JSON,
    SELECTION_FILE,
    SMOKE_TEST_FILE,
    TARGETS_FILE,
    VALIDATION_FILE,
)
from pipeline.metadata.runs import (
    CONFIG_FACT,
    PUSHED_MODEL_KEY,
    VERSIONS_FACT,
    RecordedNode,
    RecordedRun,
    latest_complete_run,
    open_store,
    producer,
    property_value,
)
from pipeline.report.detector import Detector, read_detector
from tfds_voc_seg.records.files import REJECTS_FILE

if TYPE_CHECKING:
    from pathlib import Path

    from ml_metadata.proto import metadata_store_pb2


@dataclasses.dataclass(frozen=True)
class Training:
    """The training of a candidate.

    Attributes:
        network: `name` and `options`.
        training: the settings of the training.
        code: the hash of the code.
        finished: when the training ended, possibly in an earlier run.
        history: metric → its value after each epoch; `None` for an epoch without a value.
    """

    network: dict[str, Any]
    training: dict[str, Any]
    code: str
    finished: datetime.datetime
    history: dict[str, list[float | None]]


@dataclasses.dataclass(frozen=True)
class RunContents:
    """The contents of a report.

    Attributes:
        run_id: TFX's id of the run.
        finished: when the last node ended.
        evaluation: the content of `evaluation.json`.
        examples_folder: the folder of the evaluation's pictures.
        selection: the content of `selection.json`.
        smoke_test: the content of `smoke_test.json`.
        published: the folder of the published version; `None` if nothing was published.
        targets: the content of `targets.json`; `None` if the run exports no targets beside the SavedModel.
        not_published_reason: why the selected model was not published; `None` if it was, or if none was selected.
        version_in_service: the published version that the candidates were compared with.
        trainings: candidate → its training.
        detector: the detector whose backbone the candidates start with; `None` if the run has none.
        data_summary: split → its numbers of images and pixels.
        findings: the findings of DataValidator; `None` if the run has no DataValidator.
        rejected: the problems of the images that the conversion skipped.
        data_parameters: the parameters of VocExampleGen: devkit, fingerprints, record configuration.
        data_converted: when the records were written.
        nodes: per node its id, the component's class, seconds, whether it was cached, and the hash of its code.
        config: the configuration of the run.
        versions: library → version.
    """

    run_id: str
    finished: datetime.datetime
    evaluation: dict[str, Any] | None = None
    examples_folder: epath.Path | None = None
    selection: dict[str, Any] | None = None
    smoke_test: dict[str, Any] | None = None
    published: str | None = None
    targets: dict[str, Any] | None = None
    not_published_reason: str | None = None
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
    """Reads the artifacts of the latest finished run in an output folder.

    Args:
        output: the output folder of `vocseg run`. It may have been moved: artifacts are also searched for in it.

    Raises:
        RunNotFoundError: the folder holds no finished run.
        ValueError: a file of the run is damaged.
    """
    store = open_store(output)
    run = latest_complete_run(store)
    trainings = {}
    for node in run.nodes:
        if "model_run" in node.outputs:
            # A cached result has the time of the execution that made it.
            made = producer(store, node.outputs["model_run"]) or node
            trainings[str(node.parameters.get("candidate", node.id))] = _training(node, made, output)
    output_keys = ("examples", "validation", "detector_run", "smoke_test", "evaluation", "blessing")
    folders = {key: _folder(run, key, output) for key in output_keys}
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
        targets=_targets(run, output),
        not_published_reason=pushed.get("not_pushed_reason"),
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
    """Returns the folder of an artifact's files: its URI, or the same path in an output folder that was moved."""
    folder = epath.Path(artifact.uri)
    moved = epath.Path(output).joinpath(ARTIFACTS_FOLDER, *folder.parts[-3:])  # <node>/<output key>/<execution>
    return moved if not folder.exists() and moved.exists() else folder


def _folder(run: RecordedRun, key: str, output: Path) -> epath.Path | None:
    node = run.node_with_output(key)
    return artifact_folder(node.outputs[key], output) if node else None


def _targets(run: RecordedRun, output: Path) -> dict[str, Any] | None:
    exporter = next((node for node in run.nodes if node.id == "TargetExporter"), None)
    folder = artifact_folder(exporter.outputs["model"], output) if exporter else None
    results: dict[str, Any] | None = _read_json(folder, TARGETS_FILE)
    return results


def _training(node: RecordedNode, made: RecordedNode, output: Path) -> Training:
    return Training(
        network=json.loads(node.parameters.get("network", "{}")),
        training=json.loads(node.parameters.get("training", "{}")),
        code=node.parameters.get("code_fingerprint", ""),
        finished=made.started + datetime.timedelta(seconds=made.seconds),
        history=_read_json(artifact_folder(node.outputs["model_run"], output), HISTORY_JSON) or {},
    )


def _version_in_service(run: RecordedRun) -> str | None:
    models = [_properties(node.outputs["model"]) for node in run.nodes if "model" in node.outputs]
    return next((properties.get("version") for properties in models if properties.get("in_service")), None)


def _properties(artifact: metadata_store_pb2.Artifact) -> dict[str, Any]:
    return {name: property_value(value) for name, value in artifact.custom_properties.items()}


def _node_row(node: RecordedNode) -> dict[str, Any]:
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


def value_at(values: Mapping[str, Any] | None, *keys: str) -> Any:
    """Returns the value at a path of keys; `None` if a key is missing."""
    found: Any = values
    for key in keys:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found
