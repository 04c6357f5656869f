"""ModelSelector's executor: the blessing that TFX's own components read, and the selected model."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tensorflow as tf
from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2
from tfx import types
from tfx.components.util import model_utils
from tfx.dsl.input_resolution.strategies.latest_blessed_model_strategy import LatestBlessedModelStrategy
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import path_utils

from components.model_selector import executor
from components.model_selector.component import ModelSelector
from components.model_selector.selection_config import SelectionConfig
from components.saved_model.model_digest import ModelFilesError, model_digest
from tests.components.model_selector.made_results import NAMES, metrics, smoke_test_result

if TYPE_CHECKING:
    from collections.abc import Callable

MODELS = {"a": (0, 0.3), "b": (1, 0.5)}
"""Candidate → the class that it always predicts, and its mean IoU."""


@pytest.fixture
def run_selector(
    model_of: Callable[..., Any], make_artifact: Callable[..., Any], tmp_path: Path
) -> Callable[..., tuple[Any, Any, dict[str, Any]]]:
    """Runs ModelSelector's executor on the models `a` and `b`; returns model, blessing and the candidates' models."""

    def run(candidates: dict[str, Any], baseline: dict[str, Any] | None, smoke_test: dict[str, Any]) -> Any:
        models = {name: model_of(always) for name, (always, _) in MODELS.items()}
        evaluated = {
            "split": "val",
            "class_names": NAMES,
            "candidates": candidates,
            "baseline": baseline,
            "baseline_problem": None,
            "in_service_digest": "of the model in service",
        }
        for name, result in smoke_test["candidates"].items():
            result.setdefault("digest", model_digest(path_utils.serving_model_dir(models[name].uri)))
        evaluation = make_artifact("ModelEvaluation", tmp_path / "evaluation")
        tests = make_artifact("ModelEvaluation", tmp_path / "smoke_test")
        for artifact, content in ((evaluation, evaluated), (tests, smoke_test)):
            Path(artifact.uri).mkdir()
            (Path(artifact.uri) / f"{Path(artifact.uri).name}.json").write_text(json.dumps(content))
        channel = types.Channel(type=standard_artifacts.ModelEvaluation)
        component = ModelSelector(
            channel, channel, {name: types.Channel(type=standard_artifacts.Model) for name in models}, SelectionConfig()
        )
        model = make_artifact("Model", tmp_path / "model", artifact_id=30)
        blessing = make_artifact("ModelBlessing", tmp_path / "blessing", artifact_id=31)
        executor.Executor().Do(
            {
                "evaluation": [evaluation],
                "smoke_test": [tests],
                **{f"model_{name}": [value] for name, value in models.items()},
            },
            {"model": [model], "blessing": [blessing]},
            component.exec_properties,
        )
        return model, blessing, models

    return run


@pytest.mark.parametrize(("baseline", "blessed"), [(0.1, 1), (0.9, 0)])
def test_tfx_pusher_recognizes_the_blessing(
    baseline: float, blessed: int, run_selector: Callable[..., Any], tmp_path: Path
) -> None:
    candidates = {name: metrics(value) for name, (_, value) in MODELS.items()}
    tests = {"candidates": {name: smoke_test_result() for name in candidates}}
    model, blessing, models = run_selector(candidates, metrics(baseline), tests)
    assert model_utils.is_model_blessed(blessing) == bool(blessed)
    assert blessing.get_int_custom_property("current_model_id") == models["b"].id
    assert blessing.get_string_custom_property("current_model") == models["b"].uri
    source = path_utils.serving_model_dir(models["b"].uri)
    assert blessing.get_string_custom_property("model_digest") == model_digest(source)
    assert blessing.get_string_custom_property("compared_with") == "of the model in service"
    assert (tmp_path / "blessing" / ("BLESSED" if blessed else "NOT_BLESSED")).exists()
    written = json.loads((tmp_path / "blessing/selection.json").read_text())
    assert (written["selected"], written["publish"], set(written["candidates"])) == ("b", bool(blessed), {"a", "b"})
    folder = Path(path_utils.serving_model_dir(model.uri))
    answer = tf.saved_model.load(str(folder)).signatures["segment_images"](images=tf.zeros((1, 8, 8, 3), tf.uint8))
    assert set(np.unique(answer["class_map"])) == {1}
    assert (folder / "assets.extra/model_card.md").read_text().startswith("# ")
    assert not (Path(path_utils.serving_model_dir(models["b"].uri)) / "assets.extra").exists()


def test_nothing_is_blessed_if_no_candidate_has_a_metric(run_selector: Callable[..., Any], tmp_path: Path) -> None:
    candidates = {name: metrics(math.nan) for name in MODELS}
    model, blessing, _ = run_selector(
        candidates, None, {"candidates": {name: smoke_test_result() for name in candidates}}
    )
    assert blessing.get_int_custom_property("blessed") == 0
    assert [path.name for path in Path(model.uri).iterdir()] == ["manifest.json"]
    assert json.loads((tmp_path / "blessing/selection.json").read_text())["selected"] is None


def test_a_model_that_changed_after_its_smoke_test_is_refused(run_selector: Callable[..., Any]) -> None:
    candidates = {name: metrics(value) for name, (_, value) in MODELS.items()}
    tests = {"candidates": {name: {**smoke_test_result(), "digest": "of other files"} for name in candidates}}
    with pytest.raises(ModelFilesError, match="has changed since its smoke test; run the same command again"):
        run_selector(candidates, None, tests)


def test_tfx_resolver_finds_the_latest_blessed_model(run_selector: Callable[..., Any], tmp_path: Path) -> None:
    """TFX's own strategy on a real metadata store after two selections, of which only the first was blessed."""
    connection = metadata_store_pb2.ConnectionConfig()
    connection.fake_database.SetInParent()
    store = metadata_store.MetadataStore(connection)
    stored: dict[str, list[int]] = {"Model": [], "ModelBlessing": []}

    def put(artifact: Any) -> int:
        proto = metadata_store_pb2.Artifact()
        proto.CopyFrom(artifact.mlmd_artifact)
        proto.ClearField("id")
        proto.type_id = store.put_artifact_type(artifact.artifact_type)
        artifact_id = int(store.put_artifacts([proto])[0])
        stored[artifact.type_name].append(artifact_id)
        return artifact_id

    blessed_ids = []
    for baseline in (0.1, 0.9):
        candidates = {name: metrics(value) for name, (_, value) in MODELS.items()}
        tests = {"candidates": {name: smoke_test_result() for name in candidates}}
        _, blessing, models = run_selector(candidates, metrics(baseline), tests)
        ids = {name: put(model) for name, model in models.items()}
        blessing.set_int_custom_property("current_model_id", ids["b"])
        put(blessing)
        blessed_ids.append(ids["b"])
        for folder in ("evaluation", "smoke_test", "model", "blessing"):
            shutil.rmtree(tmp_path / folder)

    read = {
        key: [
            artifact_utils.deserialize_artifact(store.get_artifact_type(name), artifact)
            for artifact in store.get_artifacts_by_id(stored[name])
        ]
        for key, name in (("model", "Model"), ("model_blessing", "ModelBlessing"))
    }
    resolved = LatestBlessedModelStrategy().resolve_artifacts(store, read)
    assert [model.id for model in resolved["model"]] == [blessed_ids[0]]
    assert resolved["model_blessing"][0].get_int_custom_property("blessed") == 1
