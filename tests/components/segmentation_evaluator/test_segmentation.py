"""A batch of records is segmented by each model."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf
from tfx.utils import path_utils

from components.artifacts.records import read_records
from components.segmentation_evaluator.segmentation import NETWORK_SIZE, RecordSegmenter

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_models_with_the_same_content_are_loaded_once(
    examples: Any, model_of: Callable[..., Any], tmp_path: Path, loaded: list[str]
) -> None:
    ground, cars = (path_utils.serving_model_dir(model_of(always).uri) for always in (0, 3))
    in_service = shutil.copytree(cars, tmp_path / "7")
    records = read_records(examples)
    batch = [record.numpy() for record in tf.data.TFRecordDataset(records.files["val"])]
    linked = tmp_path / "linked"
    shutil.copytree(cars, linked, copy_function=os.symlink)  # its content is not compared
    models = {"ground": ground, "cars": cars, "baseline": str(in_service), "linked": str(linked)}
    segment = RecordSegmenter(models, records.geometry, len(records.class_names), masks=None)
    assert sorted(loaded) == sorted([ground, str(in_service), str(linked)])
    images = [*segment(batch)]
    assert len(images) == len(batch)
    for image in images:
        assert [*image.predicted] == [*models]
        for name, always in (("ground", 0), ("cars", 3), ("baseline", 3), ("linked", 3)):
            np.testing.assert_array_equal(image.predicted[name][NETWORK_SIZE], always)
