"""Writes the artifacts of a made-up run: evaluation, pictures, training histories, data summary, detector."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from components.metrics import confusion
from tests.made_once import copy_of_sample
from tfds_voc_seg.labels import VOC_CLASSES, VOID, voc_palette

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

CLASS_NAMES = ("background", "aeroplane", "bottle", "car", "person", "tvmonitor", "sheep")
"""No drawn scene has a sheep, so that class is absent from the ground truth."""
ERRORS = {"fcn8": 3, "unet": 6, "in-service": 11}
"""The number of pixels by which the predictions of each model are shifted."""
SIZE, IMAGES = 64, 6


def selection(published: bool) -> dict[str, Any]:
    """Returns the content of `selection.json`."""
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
    """Returns the content of `history.json` for six epochs; it is different for each `number`."""
    rising = [round(0.7 - 0.5 * 0.6**epoch - 0.05 * number, 4) for epoch in range(6)]
    values: dict[str, list[float | None]] = {
        "loss": [round(1.1 * 0.7**epoch, 4) for epoch in range(6)],
        "val_loss": [round(1.2 * 0.75**epoch + 0.05 * number, 4) for epoch in range(6)],
        "mean_iou": [*rising],
        "val_mean_iou": [None, *rising[1:5], rising[5] - 0.1],
        "accuracy": [min(1.0, value + 0.25) for value in rising],
        "val_accuracy": [min(1.0, value + 0.2) for value in rising],
    }
    return values


def write_data(folder: Path, class_names: Sequence[str]) -> None:
    """Writes the files of DataValidator."""
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
    """Writes `evaluation.json` and the pictures of an evaluation.

    The predictions are the masks of drawn scenes, shifted by `ERRORS`; the figures are computed from them.
    """
    devkit = copy_of_sample(folder / "devkit", train_images=1, val_images=IMAGES)
    ids = (devkit / "ImageSets/Segmentation/val.txt").read_text().split()
    names = [name for name in ERRORS if baseline or name != "in-service"]
    matrices: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for image_id in ids:
        photo, truth = _pair(devkit, image_id, class_names)
        maps = {name: _predicted(truth, ERRORS[name]) for name in names}
        for name in names:
            matrices[name].append(confusion.confusion_matrix(truth, maps[name], len(class_names)))
        _write_pictures(folder / "examples" / image_id, photo, {"truth": truth, **maps})
    figures = {name: _figures(name, np.sum(matrices[name], axis=0), class_names) for name in names}
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
        "doubtful_masks": {
            "model": "fcn8",
            "masks": [
                {
                    "image_id": ids[index],
                    "class": "car",
                    "disagreement": 0.75,
                    "in_mask": "background",
                    "predicted": "car",
                }
                for index in order[-2:]
            ],
            "pictures": [ids[order[-1]]],
        },
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
    """Writes the files of the artifact `detector_run` of a DetectorTrainer."""
    figures: dict[str, Any] = {"images": 9, "map_voc2012": 0.321, "map_voc2007": 0.345}
    figures |= {"average_precision": {"dog": 0.321, "cat": None}, "objects": {"dog": 4, "cat": 0}}
    (folder / "detections").mkdir(parents=True)
    (folder / "detection.json").write_text(json.dumps(figures))
    (folder / "history.json").write_text(json.dumps({"loss": [3.0, 2.0, 1.0]}))
    for number in range(8):
        picture = np.full((20, 46, 3), number, np.uint8)
        Image.fromarray(picture).save(folder / "detections" / f"{number:02d}.png")


def _differences(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the differences of all pairs; that of unet and the model in service is not significant."""
    table: dict[str, Any] = {name: {} for name in figures}
    for one in figures:
        for other in figures:
            if one != other:
                value = figures[one]["mean_iou"] - figures[other]["mean_iou"]
                width = 0.3 if {one, other} == {"unet", "in-service"} else 0.02
                table[one][other] = {"mean_iou": value, "interval": [value - width, value + width]}
    return table
