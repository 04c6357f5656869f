"""TargetExporter: exports the blessed model, scores each target on the same pixels, refuses what loses too much."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import pytest

from components.run_files import TARGETS_FILE
from components.saved_model.description import ModelDescription
from components.saved_model.export import export_saved_model
from components.saved_model.model_digest import model_digest
from components.targets.names import PUBLISHED_TARGETS_FOLDER
from components.targets.published import check_targets
from components.targets.target_folder import published_targets, read_target
from tests.conftest import CLASSES, IMAGE_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable

NAMES = ("background", *CLASSES)


def network_that_int8_ruins() -> keras.Model:
    """Predicts an aeroplane at bright pixels and background elsewhere, by a small difference of large numbers.

    The first convolution adds 10,000 to the brightness, which is 0 to 1. Int8 has 256 steps for 0 to 10,001, so that
    the brightness is lost, and every pixel becomes an aeroplane.
    """
    images = keras.Input((IMAGE_SIZE, IMAGE_SIZE, 3))
    first, second = keras.layers.Conv2D(2, 1), keras.layers.Conv2D(len(NAMES), 1)
    network = keras.Model(images, second(first(images)))
    kernel = np.zeros((1, 1, 3, 2), np.float32)
    kernel[..., 0] = 1 / 765  # the brightness, 0 to 1
    first.set_weights([kernel, np.array([10_000, 0], np.float32)])
    scores = np.zeros((1, 1, 2, len(NAMES)), np.float32)
    scores[0, 0, 0, 1] = 1.0
    second.set_weights([scores, np.array([0.5, -10_000, *[-1.0] * (len(NAMES) - 2)], np.float32)])
    return network


@pytest.fixture
def export(tmp_path: Path, examples: Any, make_artifact: Callable[..., Any]) -> Callable[..., Path]:
    """Runs the executor on a network, which is blessed, or on none; returns the folder of its Model artifact."""
    from tfx import types
    from tfx.types import standard_artifacts
    from tfx.utils import path_utils

    from components.target_exporter import executor
    from components.target_exporter.component import TargetExporter
    from components.target_exporter.targets_config import TargetsConfig

    def run(network: keras.Model | None, *targets: str) -> Path:
        selected, blessing = (make_artifact(kind, tmp_path / kind) for kind in ("Model", "ModelBlessing"))
        blessing.set_int_custom_property("blessed", int(network is not None))
        if network is not None:
            description = ModelDescription(NAMES, IMAGE_SIZE, "small", {}, {}, 1, 1.0)
            export_saved_model(network, description, path_utils.serving_model_dir(selected.uri))
        channels = [
            types.Channel(type=getattr(standard_artifacts, kind)) for kind in ("Examples", "Model", "ModelBlessing")
        ]
        config = TargetsConfig.model_validate({"targets": targets})
        component = TargetExporter(channels[0], channels[1], channels[2], config)
        model = make_artifact("Model", tmp_path / "exported")
        inputs = {
            executor.EXAMPLES_KEY: [examples],
            executor.SELECTED_MODEL_KEY: [selected],
            executor.BLESSING_KEY: [blessing],
        }
        executor.Executor().Do(inputs, {executor.MODEL_KEY: [model]}, component.exec_properties)
        return Path(model.uri)

    return run


def test_a_target_that_loses_too_much_is_refused_and_the_others_are_published(
    export: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("components.targets.gate.measure", lambda _, threads: {"latency_seconds": 0.1 * threads})
    folder = export(network_that_int8_ruins(), "litert", "litert_int8")
    version = folder / "Format-Serving"
    results = json.loads((folder / TARGETS_FILE).read_text())
    assert results == json.loads((version / PUBLISHED_TARGETS_FOLDER / TARGETS_FILE).read_text())
    exact, ruined = results["targets"]["litert"], results["targets"]["litert_int8"]
    assert (exact["published"], exact["reason"]) == (True, None)
    assert exact["agreement"] > 0.99  # the large numbers of this network make rounding visible
    assert abs(exact["difference"]) < 0.005
    assert exact["difference_interval"][0] <= exact["difference"] <= exact["difference_interval"][1]
    assert exact["mean_iou"] == pytest.approx(results["saved_model"]["mean_iou"] + exact["difference"])
    assert not ruined["published"]
    assert ruined["difference"] < -0.01
    assert ruined["agreement"] < 0.9
    assert ruined["reason"].endswith("below the SavedModel's, and 0.01 is allowed")
    for measured in (results["saved_model"], exact, ruined):
        assert measured["bytes"] > 0
        assert measured["latency_seconds"] == 0.1 * results["threads"]

    assert list(published_targets(version)) == ["litert"]
    check_targets(version)  # what the Pusher asks
    assert read_target(published_targets(version)["litert"]).target.saved_model == model_digest(version)
    assert model_digest(version) == model_digest(tmp_path / "Model/Format-Serving") == results["saved_model"]["digest"]


def test_a_measurement_that_takes_too_long_refuses_no_target(
    export: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("components.targets.measurement._TIMEOUT_SECONDS", 0.01)
    results = json.loads((export(network_that_int8_ruins(), "litert") / TARGETS_FILE).read_text())
    assert results["targets"]["litert"]["published"]
    for measured in (results["saved_model"], results["targets"]["litert"]):
        assert measured["bytes"] > 0
        assert "latency_seconds" not in measured


def test_without_a_blessing_nothing_is_exported(export: Callable[..., Path]) -> None:
    folder = export(None, "litert")
    assert json.loads((folder / TARGETS_FILE).read_text()) == {
        "not_exported": "no model is published, so none is exported",
        "targets": {},
    }
    assert not (folder / "Format-Serving").exists()
