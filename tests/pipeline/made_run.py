"""An output folder as a run leaves it, made by hand in a second: ML Metadata's record and the files it points to."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2 as mlmd
from PIL import Image

from components.metrics import confusion
from tfds_voc_seg.labels import VOC_CLASSES, VOID, voc_palette
from tfds_voc_seg.sample.devkit import write_sample_devkit

CLASS_NAMES = ("background", "aeroplane", "bottle", "car", "person", "tvmonitor", "sheep")
"""No drawn scene holds a sheep: it is absent from the truth."""
ERRORS = {"fcn8": 3, "unet": 6, "in-service": 11}
"""By how many pixels each model's predictions are shifted."""
SIZE, IMAGES = 64, 6
FINGERPRINT = "28e8f8141cb6986cf0c5fec9b4bd000e2f7e480a6b8c2de5af56e481b45a9c08"
_STATES = {"complete": mlmd.Execution.COMPLETE, "cached": mlmd.Execution.CACHED, "failed": mlmd.Execution.FAILED}


class MadeRun:
    """Writes runs into an output folder; each node's artifacts are given or written by the caller."""

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
        """Begins a run; the nodes that follow are its own."""
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
        """Adds an execution.

        Args:
            node_id: such as `SegmentationTrainer.fcn8`.
            outputs: output key → the artifact's type and custom properties.
            inputs: input key → artifact.
            parameters: execution parameters.
            state: `complete`, `cached` or `failed`.
            reuse: output key → artifact, of an earlier execution.

        Returns:
            Output key → artifact, whose folder exists.
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
        execution_id, artifact_ids, _ = self.store.put_execution(
            execution, pairs, contexts, reuse_context_if_already_exist=True
        )
        del execution_id
        keys = [*(inputs or {}), *outputs, *(reuse or {})]
        found = dict(zip(keys, self.store.get_artifacts_by_id(artifact_ids), strict=True))
        return {key: artifact for key, artifact in found.items() if key in outputs or key in (reuse or {})}

    def _context(self, kind: str, name: str, facts: Mapping[str, Any] | None = None) -> int:
        existing = self.store.get_context_by_type_and_name(kind, name)
        if existing:
            return existing.id
        context = mlmd.Context(type_id=self.store.put_context_type(mlmd.ContextType(name=kind)), name=name)
        _set_properties(context, {key: json.dumps(value) for key, value in (facts or {}).items()})
        return self.store.put_contexts([context])[0]


def write_whole_run(
    output: Path, *, class_names: Sequence[str] = CLASS_NAMES, baseline: bool = True, published: bool = True
) -> MadeRun:
    """Writes a run of two candidates, with all that a report can show."""
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


def selection(published: bool) -> dict[str, Any]:
    """`selection.json`."""
    verdict = "beats" if published else "does not beat"
    return {
        "selected": "fcn8",
        "publish": published,
        "reason": f"fcn8 is the best of 2 candidates with mean IoU 0.7 and {verdict} the model in service",
        "candidates": {"fcn8": f"{verdict} the model in service", "unet": "below fcn8 by 0.1 <of mean IoU>"},
    }


SMOKE_TEST = {
    "candidates": {
        name: {
            "passed": name == "fcn8",
            "problems": [] if name == "fcn8" else ["an empty batch is answered with an error"],
            "latency_seconds": 0.0123,
            "peak_memory_bytes": 734_003_200,
            "load_seconds": 1.7,
            "checks": [
                {"check": "loads in a fresh process", "passed": True, "detail": "1.7 s"},
                {"check": "answers an empty batch", "passed": name == "fcn8", "detail": ""},
            ],
        }
        for name in ("fcn8", "unet")
    }
}


def history(number: int) -> dict[str, list[float | None]]:
    """`history.json` of six epochs; `number` tells one candidate's from another's."""
    rising = [round(0.7 - 0.5 * 0.6**epoch - 0.05 * number, 4) for epoch in range(6)]
    return {
        "loss": [round(1.1 * 0.7**epoch, 4) for epoch in range(6)],
        "val_loss": [round(1.2 * 0.75**epoch + 0.05 * number, 4) for epoch in range(6)],
        "mean_iou": rising,
        "val_mean_iou": [None, *rising[1:5], rising[5] - 0.1],
        "accuracy": [min(1.0, value + 0.25) for value in rising],
        "val_accuracy": [min(1.0, value + 0.2) for value in rising],
    }


def write_data(folder: Path, class_names: Sequence[str]) -> None:
    """DataValidator's files."""
    finding = {"split": "train", "feature": "classes", "class": "sheep", "severity": "error"}
    what = "class sheep is in none of the 30 images; add images of it"
    (folder / "validation.json").write_text(json.dumps([{**finding, "what": what}]))
    pixels = [50_000 // (1 + 9 * index) for index in range(len(class_names))]
    summary = {
        split: {
            "images": images,
            "class_images": {name: images - 2 * index for index, name in enumerate(class_names)},
            "class_pixels": dict(zip(class_names, pixels, strict=True)),
            "void_pixels": 4_000,
            "without_foreground": 1,
            "height": {"min": 120, "median": 240, "max": 320},
            "width": {"min": 110, "median": 210, "max": 310},
        }
        for split, images in (("train", 480), ("val", 60))
    }
    (folder / "data_summary.json").write_text(json.dumps(summary))


def write_evaluation(folder: Path, class_names: Sequence[str], *, baseline: bool = True) -> dict[str, Any]:
    """`evaluation.json` and the pictures, of drawn scenes whose masks are shifted: the figures follow from them."""
    devkit = folder / "devkit"
    write_sample_devkit(devkit, train_images=1, val_images=IMAGES)
    ids = (devkit / "ImageSets/Segmentation/val.txt").read_text().split()
    names = [name for name in ERRORS if baseline or name != "in-service"]
    matrices: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for image_id in ids:
        photo, truth = _pair(devkit, image_id, class_names)
        maps = {name: _predicted(truth, ERRORS[name]) for name in names}
        for name in names:
            matrices[name].append(confusion.confusion_matrix(truth, maps[name], len(class_names)))
        _write_pictures(folder / "examples" / image_id, photo, {"truth": truth, **maps})
    figures = {name: _figures(name, sum(matrices[name]), class_names) for name in names}
    by_image = {name: [confusion.mean_iou(matrix) for matrix in matrices[name]] for name in names}
    order = np.argsort(by_image["fcn8"])[::-1]
    ranks = {"best": order[:2], "median": order[len(ids) // 2 : len(ids) // 2 + 1], "worst": order[-2:]}
    evaluation = {
        "split": "val",
        "class_names": list(class_names),
        "image_size": SIZE,
        "images": len(ids),
        "candidates": {name: figures[name] for name in names if name != "in-service"},
        "baseline": figures.get("in-service"),
        "baseline_problem": None,
        "differences": _differences(figures),
        "original_size_problem": None,
        "examples": [
            {
                "image_id": ids[index],
                "rank": rank,
                "mean_iou": {name: round(values[index], 4) for name, values in by_image.items()},
            }
            for rank, indices in ranks.items()
            for index in indices
        ],
    }
    (folder / "evaluation.json").write_text(json.dumps(evaluation))
    return evaluation


def _pair(devkit: Path, image_id: str, class_names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    with Image.open(devkit / f"JPEGImages/{image_id}.jpg") as image:
        photo = np.asarray(image.convert("RGB").resize((SIZE, SIZE)))
    with Image.open(devkit / f"SegmentationClass/{image_id}.png") as image:
        mask = np.asarray(image.resize((SIZE, SIZE), Image.Resampling.NEAREST))
    ids = np.zeros(256, np.uint8)
    ids[VOID] = VOID
    for index, name in enumerate(class_names):
        ids[VOC_CLASSES.index(name)] = index
    return photo, ids[mask]


def _predicted(truth: np.ndarray, shift: int) -> np.ndarray:
    return np.roll(np.where(truth == VOID, 0, truth), shift, axis=1).astype(np.uint8)


def _write_pictures(folder: Path, photo: np.ndarray, class_maps: Mapping[str, np.ndarray]) -> None:
    folder.mkdir(parents=True)
    Image.fromarray(photo).save(folder / "photo.png")
    for name, class_map in class_maps.items():
        picture = Image.fromarray(class_map)
        picture.putpalette(voc_palette())
        picture.save(folder / f"{name}.png")


def _figures(name: str, matrix: np.ndarray, class_names: Sequence[str]) -> dict[str, Any]:
    metrics = _metrics(matrix, class_names)
    sliced = {**metrics, "mean_iou_interval": None, "images": 4}
    del sliced["confusion_matrix"]
    return {
        "network": name.replace("in-service", "fcn32"),
        "parameters": 1_234_567,
        "train_seconds": 93.4,
        **metrics,
        "original_size": {**metrics, "mean_iou": metrics["mean_iou"] - 0.01},
        "slices": {
            "class present": {"car": sliced, "person": sliced},
            "share of foreground": {"0 to 5 %": sliced, "5 to 25 %": sliced},
            "image size": {"up to 400 pixels": sliced},
        },
    }


def _metrics(matrix: np.ndarray, class_names: Sequence[str]) -> dict[str, Any]:
    iou = confusion.per_class_iou(matrix)
    by_class = {name: None if np.isnan(value) else value for name, value in zip(class_names, iou.tolist(), strict=True)}
    mean = confusion.mean_iou(matrix)
    return {
        "images": IMAGES,
        "mean_iou": mean,
        "mean_iou_interval": [mean - 0.04, mean + 0.05],
        "pixel_accuracy": confusion.pixel_accuracy(matrix),
        "mean_class_accuracy": mean + 0.1,
        "frequency_weighted_iou": mean + 0.2,
        "mean_dice": mean + 0.12,
        "boundary_iou": mean - 0.2,
        "per_class_iou": by_class,
        "per_class_accuracy": by_class,
        "per_class_dice": by_class,
        "per_class_boundary_iou": by_class,
        "absent_classes": [name for name, value in by_class.items() if value is None],
        "confusion_matrix": matrix.tolist(),
    }


def write_detector_run(folder: Path) -> None:
    """Writes what a DetectorTrainer leaves in its `detector_run`."""
    figures = {"images": 9, "map_voc2012": 0.321, "map_voc2007": 0.345}
    figures |= {"average_precision": {"dog": 0.321, "cat": None}, "objects": {"dog": 4, "cat": 0}}
    (folder / "detections").mkdir(parents=True)
    (folder / "detection.json").write_text(json.dumps(figures))
    (folder / "history.json").write_text(json.dumps({"loss": [3.0, 2.0, 1.0]}))
    for number in range(8):
        picture = np.full((20, 46, 3), number, np.uint8)
        Image.fromarray(picture).save(folder / "detections" / f"{number:02d}.png")


def _differences(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Of each two; those of unet against the model in service could be luck."""
    table: dict[str, Any] = {name: {} for name in figures}
    for one in figures:
        for other in figures:
            if one != other:
                value = figures[one]["mean_iou"] - figures[other]["mean_iou"]
                width = 0.3 if {one, other} == {"unet", "in-service"} else 0.02
                table[one][other] = {"mean_iou": value, "interval": [value - width, value + width]}
    return table


def _set_properties(holder: Any, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        kind = {int: "int_value", float: "double_value"}.get(type(value), "string_value")
        setattr(holder.custom_properties[name], kind, value)


def _event(kind: Any, key: str) -> mlmd.Event:
    event = mlmd.Event(type=kind)
    event.path.steps.add().key = key
    event.path.steps.add().index = 0
    return event
