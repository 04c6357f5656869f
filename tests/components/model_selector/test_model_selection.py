"""Which candidate is published and why: the pure function, and the executor on hand-made artifacts."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.model_selector.selection import Selection, select
from components.model_selector.selection_config import SelectionConfig

NAMES = ("background", "dog", "person")


def figures(mean_iou: float | None = 0.5, parameters: int = 100, **values: Any) -> dict[str, Any]:
    """A candidate's figures, of a network that knows some foreground."""
    iou = {"background": 0.9, "dog": 0.4, "person": 0.3}
    return {"mean_iou": mean_iou, "pixel_accuracy": 0.8, "parameters": parameters, "per_class_iou": iou, **values}


def smoke(*problems: str, latency: float | None = 0.01) -> dict[str, Any]:
    return {"passed": not problems, "problems": list(problems), "latency_seconds": latency}


def chosen(
    candidates: dict[str, dict[str, Any]],
    *,
    baseline: dict[str, Any] | None = None,
    baseline_problem: str | None = None,
    differences: dict[str, Any] | None = None,
    smoke_test: dict[str, Any] | None = None,
    **settings: Any,
) -> Selection:
    evaluation = {"candidates": candidates, "baseline": baseline, "baseline_problem": baseline_problem}
    if differences is not None:
        evaluation["differences"] = differences
    tested = {name: smoke() for name in candidates} | (smoke_test or {})
    return select(evaluation, {"candidates": tested}, SelectionConfig(**settings))


@pytest.mark.parametrize(
    ("candidates", "baseline", "minimum", "selected", "publish", "reason"),
    [
        (
            {"a": 0.5, "b": 0.6},
            None,
            0.0,
            "b",
            True,
            "best of 2 candidate(s), with mean_iou 0.6000; no model is in service",
        ),
        ({"a": 0.6}, 0.5, 0.0, "a", True, "and beats the model in service (0.5000)"),
        ({"a": 0.6}, 0.6, 0.0, "a", False, "does not beat the model in service (0.6000)"),
        ({"a": 0.6}, 0.7, 0.0, "a", False, "does not beat"),
        ({"a": 0.6}, 0.5, 0.2, "a", False, "does not beat the model in service (0.5000) by at least 0.2"),
        ({"a": 0.75}, 0.5, 0.25, "a", True, "beats"),
        ({"a": 0.6}, 0.5, 0.1, "a", True, "beats"),  # 0.6 - 0.5 < 0.1 in floating point
    ],
)
def test_the_best_is_published_if_it_beats_the_model_in_service(
    candidates: dict[str, float], baseline: float | None, minimum: float, selected: str, publish: bool, reason: str
) -> None:
    selection = chosen(
        {name: figures(value) for name, value in candidates.items()},
        baseline=None if baseline is None else figures(baseline),
        min_improvement=minimum,
    )
    assert (selection.selected, selection.publish) == (selected, publish)
    assert reason in selection.reason
    assert selection.candidates[selected] == f"{'chosen' if publish else 'best, but not published'}: {selection.reason}"


def test_each_candidate_gets_a_reason() -> None:
    selection = chosen(
        {"a": figures(0.5), "b": figures(0.6, 200), "c": figures(0.6, 1000), "d": figures(0.9)},
        smoke_test={"d": smoke("load: no such file", "latency: none")},
    )
    assert (selection.selected, selection.refused) == ("b", ("d",))
    assert selection.candidates == {
        "a": "not chosen: mean_iou is 0.5000, and b has 0.6000",
        "b": "chosen: b is the best of 3 candidate(s) that may be published, 1 refused, with mean_iou 0.6000; "
        "no model is in service",
        "c": "not chosen: mean_iou is 0.6000 as that of b, which goes first (1,000 parameters against 200)",
        "d": "refused: the smoke test failed: load: no such file; latency: none",
    }


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"min_mean_iou": 0.51}, "mean_iou is 0.5000, below selection.min_mean_iou=0.51"),
        ({"min_class_iou": {"dog": 0.41}}, "the IoU of dog is 0.4000, below selection.min_class_iou.dog=0.41"),
        ({"min_class_iou": {"cat": 0.0}}, "the IoU of cat was not measured (not in the val split?)"),
        ({"max_latency_seconds": 0.005}, "a photo takes 0.01 s, above selection.max_latency_seconds=0.005"),
        ({"metric": "mean_dice"}, "its mean_dice is not a number"),
    ],
)
def test_thresholds(settings: dict[str, Any], reason: str) -> None:
    selection = chosen({"a": figures()}, **settings)
    assert (selection.selected, selection.publish) == (None if "metric" in settings else "a", False)
    assert selection.reason == f"no candidate may be published: a is {selection.candidates['a']}"
    assert reason in selection.reason


def test_what_just_meets_the_thresholds_passes() -> None:
    exact = {"min_mean_iou": 0.5, "min_class_iou": {"dog": 0.4, "background": 0.9}, "max_latency_seconds": 0.01}
    assert chosen({"a": figures()}, **exact).publish


def test_a_refused_candidate_leaves_the_place_to_the_next() -> None:
    good, refused = figures(0.4), figures(0.9, per_class_iou={"background": 0.9, "dog": 0.0, "person": 0.9})
    selection = chosen({"a": good, "b": refused}, min_class_iou={"dog": 0.2})
    assert (selection.selected, selection.publish) == ("a", True)
    assert selection.candidates["b"].startswith("refused: the IoU of dog is 0.0000")


def test_a_missing_or_unmeasured_latency_is_refused_only_where_it_is_asked_for() -> None:
    unmeasured = {"a": smoke(latency=None)}
    assert chosen({"a": figures()}, smoke_test=unmeasured).publish
    refused = chosen({"a": figures()}, smoke_test=unmeasured, max_latency_seconds=1.0)
    assert "its latency was not measured" in refused.reason


def test_a_candidate_without_a_smoke_test_is_refused() -> None:
    evaluation = {"candidates": {"a": figures()}, "baseline": None, "baseline_problem": None}
    selection = select(evaluation, {"candidates": {}}, SelectionConfig())
    assert not selection.publish
    assert "it had no smoke test" in selection.reason


@pytest.mark.parametrize(
    ("iou", "confusion", "reason"),
    [
        # predicts background everywhere, and a class is absent
        ([0.8, 0.0, None], [[80, 0, 0], [20, 0, 0], [0, 0, 0]], "it predicts background only"),
        # finds the foreground and confuses its classes: no pixel of it is right
        ([1.0, 0.0, 0.0], [[80, 0, 0], [0, 0, 10], [0, 10, 0]], "no foreground class that occurs"),
        # a stray pixel that is right does not help
        ([0.8, 0.0, 1 / 11], [[79, 0, 1], [10, 0, 0], [9, 0, 1]], None),
        (
            [72 / 93, 0.0, 1e-3],
            [[7200, 100, 100], [1000, 0, 0], [900, 0, 1]],
            "no better than to predict background",
        ),
        # the foreground everywhere is worse than the background everywhere
        ([0.0, 0.1, 0.0], [[0, 80, 0], [0, 10, 0], [0, 10, 0]], "which has mean_iou 0.2667 (it has 0.0333)"),
        ([0.9, None, None], [[90, 5, 5], [0, 0, 0], [0, 0, 0]], "no foreground class occurs in the val split"),
        ([0.9, 0.3, 0.0], [[80, 0, 0], [7, 3, 0], [10, 0, 0]], None),
    ],
)
def test_background_only_is_never_published_by_default(
    iou: list[float | None], confusion: list[list[int]], reason: str | None
) -> None:
    values = [value for value in iou if value is not None]
    candidate = figures(
        sum(values) / len(values), per_class_iou=dict(zip(NAMES, iou, strict=True)), confusion_matrix=confusion
    )
    selection = chosen({"a": candidate})
    assert selection.publish == (reason is None)
    assert (reason or "no model is in service") in selection.reason
    assert selection.selected == "a"
    assert not chosen({"a": candidate}, baseline=figures(0.0)).publish or reason is None
    assert chosen({"a": candidate}, publish_background_only=True).publish


def test_a_model_in_service_that_can_not_be_compared_is_replaced_only_when_asked() -> None:
    problem = {"baseline_problem": "the model in service has other classes"}
    kept = chosen({"a": figures()}, **problem)
    assert not kept.publish
    assert "other classes; selection.replace_incomparable=true replaces it" in kept.reason
    assert chosen({"a": figures()}, **problem, replace_incomparable=True).publish
    unmeasured = chosen({"a": figures()}, baseline=figures(None))
    assert not unmeasured.publish
    assert "the model in service has no mean_iou that is a number" in unmeasured.reason


@pytest.mark.parametrize(
    ("interval", "publish", "reason"),
    [
        ([0.01, 0.2], True, "beyond luck: the 95 % interval of the difference is 0.0100 to 0.2000"),
        ([0.0, 0.2], False, "but perhaps by luck"),
        ([-0.1, 0.3], False, "but perhaps by luck: the 95 % interval of the difference is -0.1000 to 0.3000"),
        (None, False, "no interval of the difference was measured"),
        ([None, None], False, "no interval of the difference was measured"),
    ],
)
def test_beyond_the_interval_when_asked(interval: list[float] | None, publish: bool, reason: str) -> None:
    differences = {"a": {"in-service": {"mean_iou": 0.1, "interval": interval}}}
    better = {"baseline": figures(0.4), "differences": differences}
    selection = chosen({"a": figures(0.5)}, **better, beyond_interval=True)
    assert selection.publish == publish
    assert reason in selection.reason
    assert chosen({"a": figures(0.5)}, **better).publish
    assert not chosen({"a": figures(0.5)}, **better, beyond_interval=True, min_improvement=0.2).publish
    assert not chosen({"a": figures(0.5)}, baseline=figures(0.4), beyond_interval=True).publish


def test_any_metric_of_the_evaluation() -> None:
    candidates = {
        "a": figures(0.6, mean_dice=0.1, boundary_iou=0.2),
        "b": figures(0.5, mean_dice=0.2, boundary_iou=0.1),
    }
    assert chosen(candidates, metric="mean_dice").selected == "b"
    assert chosen(candidates, metric="boundary_iou").selected == "a"


def test_a_candidate_that_could_not_be_evaluated_is_refused() -> None:
    why = "the smoke test failed: load: no"
    evaluation = {"candidates": {"b": figures(0.5)}, "baseline": None, "baseline_problem": None}
    evaluation["not_evaluated"] = {"a": why}
    tested = {"candidates": {"a": smoke("load: no"), "b": smoke()}}
    selection = select(evaluation, tested, SelectionConfig())
    assert (selection.selected, selection.publish, selection.refused) == ("b", True, ("a",))
    assert list(selection.candidates) == ["b", "a"]
    assert selection.candidates["a"] == f"refused: {why}"

    selection = select({**evaluation, "candidates": {}}, tested, SelectionConfig())
    assert (selection.selected, selection.publish, selection.refused) == (None, False, ("a",))
    assert selection.reason == f"no candidate may be published: a is refused: {why}"


def test_no_candidate_is_an_error() -> None:
    with pytest.raises(ValueError, match="no candidate"):
        chosen({})


MEASURED = st.one_of(st.none(), st.just(math.nan), st.just(math.inf), st.floats(0, 1), st.sampled_from([0.25, 0.5]))


@given(
    candidates=st.dictionaries(
        st.sampled_from("abcde"), st.tuples(MEASURED, st.integers(1, 3), st.booleans(), MEASURED), min_size=1
    ),
    baseline=st.one_of(st.none(), MEASURED),
    minimum=st.floats(0, 0.5),
    lowest=st.floats(0, 1),
)
def test_whatever_was_measured(
    candidates: dict[str, Any], baseline: float | None, minimum: float, lowest: float
) -> None:
    iou = {name: {"background": 0.9, "dog": dog} for name, (_, _, _, dog) in candidates.items()}
    selection = chosen(
        {name: figures(value, size, per_class_iou=iou[name]) for name, (value, size, _, _) in candidates.items()},
        baseline=None if baseline is None else figures(baseline),
        smoke_test={name: smoke() if passed else smoke("load: no") for name, (_, _, passed, _) in candidates.items()},
        min_improvement=minimum,
        min_mean_iou=lowest,
    )
    may = {
        name: (-value, size, name)
        for name, (value, size, passed, dog) in candidates.items()
        if value is not None and math.isfinite(value) and value >= lowest and passed
        if dog is not None and math.isfinite(dog) and dog > 0
    }
    assert {*selection.refused} == {*candidates} - {*may}
    assert list(selection.candidates) == list(candidates)
    assert all(selection.candidates.values())
    assert selection.reason
    if may:
        assert selection.selected == min(may, key=lambda name: may[name])
    if selection.publish:
        assert selection.selected in may
        if baseline is not None:
            assert candidates[selection.selected][0] > baseline


EXECUTED = {"a": (0, 0.3), "b": (1, 0.5)}


@pytest.fixture
def run_selector(
    model_of: Callable[..., Any], make_artifact: Callable[..., Any], tmp_path: Path
) -> Callable[..., tuple[Any, Any, dict[str, Any]]]:
    """Runs ModelSelector's executor on models `a` and `b`; gives model, blessing and the candidates' artifacts."""
    from tfx import types
    from tfx.types import standard_artifacts

    from components.model_selector import executor
    from components.model_selector.component import ModelSelector

    def run(candidates: dict[str, Any], baseline: dict[str, Any] | None, smoke_test: dict[str, Any]) -> Any:
        models = {name: model_of(always) for name, (always, _) in EXECUTED.items()}
        evaluated = {
            "split": "val",
            "class_names": NAMES,
            "candidates": candidates,
            "baseline": baseline,
            "baseline_problem": None,
        }
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
def test_the_selector_blesses_as_tfxs_pusher_understands(
    baseline: float, blessed: int, run_selector: Callable[..., Any], tmp_path: Path
) -> None:
    import numpy as np
    import tensorflow as tf
    from tfx.components.util import model_utils
    from tfx.utils import path_utils

    candidates = {name: figures(value) for name, (_, value) in EXECUTED.items()}
    tests = {"candidates": {name: smoke() for name in candidates}}
    model, blessing, models = run_selector(candidates, figures(baseline), tests)
    assert model_utils.is_model_blessed(blessing) == bool(blessed)
    assert blessing.get_int_custom_property("current_model_id") == models["b"].id
    assert blessing.get_string_custom_property("current_model") == models["b"].uri
    assert (tmp_path / "blessing" / ("BLESSED" if blessed else "NOT_BLESSED")).exists()
    written = json.loads((tmp_path / "blessing/selection.json").read_text())
    assert (written["selected"], written["publish"], set(written["candidates"])) == ("b", bool(blessed), {"a", "b"})
    folder = Path(path_utils.serving_model_dir(model.uri))
    answer = tf.saved_model.load(str(folder)).signatures["segment_images"](images=tf.zeros((1, 8, 8, 3), tf.uint8))
    assert set(np.unique(answer["class_map"])) == {1}
    assert (folder / "assets.extra/model_card.md").read_text().startswith("# ")
    assert not (Path(path_utils.serving_model_dir(models["b"].uri)) / "assets.extra").exists()


def test_where_no_candidate_has_a_figure_nothing_is_blessed(run_selector: Callable[..., Any], tmp_path: Path) -> None:
    candidates = {name: figures(math.nan) for name in EXECUTED}
    model, blessing, _ = run_selector(candidates, None, {"candidates": {name: smoke() for name in candidates}})
    assert blessing.get_int_custom_property("blessed") == 0
    assert [*Path(model.uri).iterdir()] == []
    assert json.loads((tmp_path / "blessing/selection.json").read_text())["selected"] is None


def test_tfxs_resolver_finds_the_latest_blessed_model(run_selector: Callable[..., Any], tmp_path: Path) -> None:
    """TFX's own strategy on what a real metadata store holds after two selections, of which one was blessed."""
    from ml_metadata import metadata_store
    from ml_metadata.proto import metadata_store_pb2
    from tfx.dsl.input_resolution.strategies.latest_blessed_model_strategy import LatestBlessedModelStrategy
    from tfx.types import artifact_utils

    connection = metadata_store_pb2.ConnectionConfig()
    connection.fake_database.SetInParent()
    store = metadata_store.MetadataStore(connection)
    stored: dict[str, list[int]] = {"Model": [], "ModelBlessing": []}

    def put(artifact: Any) -> int:
        proto = metadata_store_pb2.Artifact()
        proto.CopyFrom(artifact.mlmd_artifact)
        proto.ClearField("id")
        proto.type_id = store.put_artifact_type(artifact.artifact_type)
        (artifact_id,) = store.put_artifacts([proto])
        stored[artifact.type_name].append(artifact_id)
        return artifact_id

    blessed_ids = []
    for baseline in (0.1, 0.9):
        candidates = {name: figures(value) for name, (_, value) in EXECUTED.items()}
        tests = {"candidates": {name: smoke() for name in candidates}}
        _, blessing, models = run_selector(candidates, figures(baseline), tests)
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
