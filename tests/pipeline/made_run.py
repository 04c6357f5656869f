"""Makes the output folder of a run within a second, without running it: the metadata and the artifacts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2 as mlmd

from tests.pipeline.made_artifacts import (
    CLASS_NAMES,
    SIZE,
    SMOKE_TEST,
    history,
    selection,
    write_data,
    write_evaluation,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FINGERPRINT = "28e8f8141cb6986cf0c5fec9b4bd000e2f7e480a6b8c2de5af56e481b45a9c08"
_STATES = {"complete": mlmd.Execution.COMPLETE, "cached": mlmd.Execution.CACHED, "failed": mlmd.Execution.FAILED}


class MadeRun:
    """Writes runs into an output folder. The caller writes the files of the artifacts."""

    def __init__(self, output: Path):
        self.output = output
        output.mkdir(parents=True, exist_ok=True)
        settings = mlmd.ConnectionConfig()
        settings.sqlite.filename_uri = str(output / "metadata.sqlite")
        settings.sqlite.connection_mode = mlmd.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
        self.store = MetadataStore(settings)
        self._pipeline = self._context("pipeline", "voc-seg-demo")
        self._run = 0

    def begin(self, run_id: str, facts: Mapping[str, Any] | None = None) -> None:
        """Starts a run; the nodes that are added next belong to it."""
        self._run = self._context("pipeline_run", run_id, facts or {})

    def node(
        self,
        node_id: str,
        outputs: Mapping[str, tuple[str, Mapping[str, Any]]],
        *,
        inputs: Mapping[str, Any] | None = None,
        parameters: Mapping[str, Any] | None = None,
        state: str = "complete",
        reuse: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Adds the execution of a node.

        Args:
            node_id: the node's id, such as `SegmentationTrainer.fcn8`.
            outputs: output key → the artifact's type and custom properties.
            inputs: input key → artifact.
            parameters: execution parameters.
            state: `complete`, `cached` or `failed`.
            reuse: output key → artifact of an earlier execution, for a cached node.

        Returns:
            Output key → artifact. The folders of the artifacts exist.
        """
        component = node_id.partition(".")[0]
        execution = mlmd.Execution(
            type_id=self.store.put_execution_type(mlmd.ExecutionType(name=f"components.made.{component}")),
            last_known_state=_STATES[state],
        )
        _set_properties(execution, parameters or {})
        pairs = [(artifact, _event(mlmd.Event.INPUT, key)) for key, artifact in (inputs or {}).items()]
        number = len(self.store.get_executions()) + 1
        for key, (kind, properties) in outputs.items():
            folder = self.output / "tfx" / node_id / key / str(number)
            folder.mkdir(parents=True)
            type_id = self.store.put_artifact_type(mlmd.ArtifactType(name=kind))
            artifact = mlmd.Artifact(type_id=type_id, uri=str(folder), state=mlmd.Artifact.LIVE)
            _set_properties(artifact, properties)
            pairs.append((artifact, _event(mlmd.Event.OUTPUT, key)))
        pairs += [(artifact, _event(mlmd.Event.OUTPUT, key)) for key, artifact in (reuse or {}).items()]
        node = self._context("node", f"voc-seg-demo.{node_id}")
        contexts = [self.store.get_contexts_by_id([context])[0] for context in (self._pipeline, self._run, node)]
        _, artifact_ids, _ = self.store.put_execution(execution, pairs, contexts, reuse_context_if_already_exist=True)
        keys = [*(inputs or {}), *outputs, *(reuse or {})]
        found = dict(zip(keys, self.store.get_artifacts_by_id(artifact_ids), strict=True))
        return {key: artifact for key, artifact in found.items() if key in outputs or key in (reuse or {})}

    def _context(self, kind: str, name: str, facts: Mapping[str, Any] | None = None) -> int:
        existing = self.store.get_context_by_type_and_name(kind, name)
        if existing:
            return int(existing.id)
        context = mlmd.Context(type_id=self.store.put_context_type(mlmd.ContextType(name=kind)), name=name)
        _set_properties(context, {key: json.dumps(value) for key, value in (facts or {}).items()})
        return int(self.store.put_contexts([context])[0])


def write_whole_run(
    output: Path, *, class_names: Sequence[str] = CLASS_NAMES, baseline: bool = True, published: bool = True
) -> MadeRun:
    """Writes a run of two candidates, with everything that a report can show."""
    run = MadeRun(output)
    run.begin("2026-03-01T10:00:00", {"config": {"name": "demo"}, "versions": {"python": "3.11.9", "tfx": "1.21.0"}})
    record_config = {"classes": list(class_names[1:]), "image_size": SIZE, "void": "ignore"}
    converted = run.node(
        "VocExampleGen",
        {"examples": ("Examples", {})},
        parameters={
            "devkit": "/data/VOCdevkit/VOC2012",
            "devkit_fingerprint": FINGERPRINT,
            "record_config": json.dumps(record_config),
            "code_fingerprint": "c0de" * 16,
        },
    )
    rejected = {
        "image_id": "bad_1",
        "file": "SegmentationClass/bad_1.png",
        "what": "is <RGB>",
        "advice": "save it as P",
    }
    (Path(converted["examples"].uri) / "rejects.jsonl").write_text(json.dumps(rejected) + "\n")
    validated = run.node("DataValidator", {"validation": ("ExampleAnomalies", {})}, inputs=converted)
    write_data(Path(validated["validation"].uri), class_names)
    models, trainers = {}, {}
    for number, name in enumerate(("fcn8", "unet")):
        trainers[name] = run.node(
            f"SegmentationTrainer.{name}",
            {"model": ("Model", {}), "model_run": ("ModelRun", {})},
            inputs=converted,
            parameters={
                "candidate": name,
                "network": json.dumps({"name": name, "options": {"width": 0.25}}),
                "training": json.dumps({"epochs": 6, "monitor": "val_mean_iou", "learning_rate": 0.003}),
                "code_fingerprint": f"networks:{name}@" + "f00d" * 16,
            },
        )
        models[f"model_{name}"] = trainers[name]["model"]
        (Path(trainers[name]["model_run"].uri) / "history.json").write_text(json.dumps(history(number)))
    in_service = {"in_service": int(baseline), **({"version": "1700000000"} if baseline else {})}
    served = run.node("PublishedModel", {"model": ("Model", in_service)})
    evaluated = run.node(
        "SegmentationEvaluator",
        {"evaluation": ("ModelEvaluation", {})},
        inputs={**models, **converted, "baseline": served["model"]},
        parameters={"devkit": "/data/VOCdevkit/VOC2012", "record_config": json.dumps(record_config)},
    )
    write_evaluation(Path(evaluated["evaluation"].uri), class_names, baseline=baseline)
    tested = run.node("ModelSmokeTest", {"smoke_test": ("ModelEvaluation", {})}, inputs=models)
    (Path(tested["smoke_test"].uri) / "smoke_test.json").write_text(json.dumps(SMOKE_TEST))
    blessing = {"blessed": int(published), "current_model_id": models["model_fcn8"].id}
    blessing["current_model"] = models["model_fcn8"].uri
    selected = run.node(
        "ModelSelector",
        {"model": ("Model", {}), "blessing": ("ModelBlessing", blessing)},
        inputs={**models, **evaluated, **tested},
        parameters={"metric": "mean_iou", "min_improvement": 0.0},
    )
    (Path(selected["blessing"].uri) / "selection.json").write_text(json.dumps(selection(published)))
    destination = str(output / "serving" / "1772359200")
    pushed = {"pushed": 1, "pushed_destination": destination, "pushed_version": "1772359200"}
    run.node("Pusher", {"pushed_model": ("PushedModel", pushed if published else {"pushed": 0})}, inputs=selected)
    return run


def _set_properties(holder: Any, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        kind = {int: "int_value", float: "double_value"}.get(type(value), "string_value")
        setattr(holder.custom_properties[name], kind, value)


def _event(kind: Any, key: str) -> mlmd.Event:
    event = mlmd.Event(type=kind)
    event.path.steps.add().key = key
    event.path.steps.add().index = 0
    return event
