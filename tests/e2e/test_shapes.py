"""Photos of all shapes through whole runs: only an exact geometry at every step gives the figures."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import yaml
from PIL import Image
from rich.console import Console

from pipeline.cli import main
from pipeline.config.loading import load_config
from tests.pipeline.exact_geometry import PHOTO_SIZES, photo_and_mask, write_devkit

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    "data",
    [
        {"image_size": [40, 57], "resize": "stretch"},
        {"image_size": 48, "resize": "pad"},
        {"image_size": [32, 47], "resize": "crop", "short_side": 51},
    ],
    ids=lambda data: data["resize"],
)
def test_a_run_and_its_model_move_no_pixel(data: dict[str, Any], tmp_path: Path) -> None:
    from pipeline.display.live import Display
    from pipeline.evaluation import evaluate_models
    from pipeline.local.runner import run_locally

    devkit = write_devkit(tmp_path / "VOC2012")
    preset = {
        "name": "exact",
        "output": str(tmp_path / "run"),
        "data": {"devkit": str(devkit), "num_shards": 1, **data},
        "training": {"epochs": 1, "batch_size": 2, "learning_rate": 1e-12, "weight_decay": 0},
        "candidates": {"exact": {"network": "tests.pipeline.exact_geometry:build"}},
    }
    (tmp_path / "exact.yaml").write_text(yaml.safe_dump(preset))
    display = Display(Console(file=io.StringIO()))
    summary = run_locally(load_config(str(tmp_path / "exact.yaml")), display)
    assert summary["published"], summary["reason"]
    assert summary["candidates"]["exact"]["mean_iou"] > 0.9  # masks are resized to the nearest pixel

    (evaluation,) = evaluate_models([str(tmp_path / "run")], str(devkit), display)
    (figures,) = evaluation["candidates"].values()
    assert (figures["original_size"]["mean_iou"], evaluation["resize"]) == (1, data["resize"])

    output = tmp_path / "predictions"
    assert main(["predict", str(tmp_path / "run"), str(devkit / "JPEGImages"), "--output", str(output)]) == 0
    for number, size in enumerate(PHOTO_SIZES):
        with Image.open(output / f"class_maps/val{number}.png") as class_map:
            np.testing.assert_array_equal(np.asarray(class_map), photo_and_mask(*size, number)[1])
    (description,) = (tmp_path / "run/serving").glob("*/assets/segmentation.json")
    assert json.loads(description.read_text())["resize"] == data["resize"]
    arguments = ["data", "check", str(devkit), "--model", str(tmp_path / "run"), "--output", str(tmp_path / "doubts")]
    assert main(arguments) in (0, 1)  # 1: the photos of both splits are equal
    rows = (tmp_path / "doubts/label_quality.jsonl").read_text().splitlines()
    assert [json.loads(row)["image_share"] for row in rows] == [0.0] * 2 * len(PHOTO_SIZES)
