"""The written masks have the same metrics as the pipeline's evaluation at the photos' own size."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.conftest import CLASSES, VAL_IMAGES
from tfds_voc_seg.class_maps import class_map
from tfds_voc_seg.devkit.folders import Pair
from tfds_voc_seg.devkit.pairs import read_mask
from tfds_voc_seg.devkit.splits import read_splits
from tfds_voc_seg.label_set import VOC_LABELS
from tfds_voc_seg.record_config import RecordConfig

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.slow
def test_written_masks_have_the_pipelines_mean_iou(
    export_model: Callable[..., Path], devkit: Path, tmp_path: Path
) -> None:
    from rich.console import Console

    from components.metrics.confusion import confusion_matrix, mean_iou, per_class_iou
    from pipeline.cli import main
    from pipeline.display.live import Display
    from pipeline.evaluation import evaluate_models

    names = ("background", *CLASSES)
    model = export_model(tmp_path / "model/serving/1", names)
    photos = [pair.photo for pair in read_splits(devkit)["val"].pairs]
    assert main(["predict", str(model), *photos, "--output", str(tmp_path / "out"), "--batch", "16"]) == 0

    config = RecordConfig(32, CLASSES)
    confusion = np.zeros((len(names), len(names)), np.int64)
    for pair in read_splits(devkit)["val"].pairs:
        written = Pair(pair.image_id, pair.photo, str(tmp_path / f"out/class_maps/{pair.image_id}.png"))
        truth, predicted = (class_map(read_mask(each, VOC_LABELS), config) for each in (pair, written))
        confusion += confusion_matrix(truth, predicted, len(names))

    (evaluation,) = evaluate_models([str(model)], str(devkit), Display(Console(file=io.StringIO())))
    (metrics,) = evaluation["candidates"].values()
    assert evaluation["images"] == VAL_IMAGES
    assert 0 < mean_iou(confusion) < 1
    assert metrics["original_size"]["mean_iou"] == pytest.approx(mean_iou(confusion), abs=1e-12)
    for name, iou in zip(names, per_class_iou(confusion), strict=True):
        assert metrics["original_size"]["per_class_iou"][name] == pytest.approx(iou, abs=1e-12, nan_ok=True)
