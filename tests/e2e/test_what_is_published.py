"""Whole runs with the default settings never publish a bad model, and a rollback withdraws a published one."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

from components.model_pusher.rollback import rollback
from tests.e2e.known_networks import Run, Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator


class History(NamedTuple):
    """Four runs in a row with one output folder.

    Attributes:
        background: a run with a network that predicts only background.
        first: adds a network that fails the smoke test, and one that is worse than `good`.
        good: a run with `good` and the worse network.
        worse: the candidates of `first` again: the training and the smoke test are cached.
    """

    background: Run
    first: Run
    good: Run
    worse: Run


pytestmark = pytest.mark.slow  # whole runs; the quick tests of the selector and the pusher cover each rule


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    folder = tmp_path_factory.mktemp("bars")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield Workspace(folder)


@pytest.fixture(scope="module")
def history(workspace: Workspace) -> History:
    return History(
        background=workspace.run("background"),
        first=workspace.run("background", "noisy", "worse"),
        good=workspace.run("good", "worse"),
        worse=workspace.run("background", "noisy", "worse"),
    )


def test_a_background_only_model_is_never_published(history: History) -> None:
    """Not even without a published model, although the accuracy of such a network looks good."""
    summary, versions = history.background
    metrics = summary["candidates"]["background"]
    assert metrics["pixel_accuracy"] > 0.6
    assert (summary["published"], summary["baseline"], versions) == (None, None, [])
    assert metrics["refused"]
    assert "it predicts background only" in summary["reason"]


def test_a_model_that_fails_the_smoke_test_is_never_published(history: History, workspace: Workspace) -> None:
    """The next best model is published, although it is worse."""
    summary, versions = history.first
    noisy = summary["candidates"]["noisy"]
    assert not noisy["smoke_test"]["passed"]
    assert noisy["mean_iou"] is None  # failed candidates are not evaluated
    assert noisy["reason"].startswith("refused: the smoke test failed: image files: ")
    assert summary["selected"] == "worse"
    assert [summary["published"]] == [str(workspace.serving / version) for version in versions]


def test_a_better_model_is_published(history: History) -> None:
    summary, versions = history.good
    good, worse = (summary["candidates"][name] for name in ("good", "worse"))
    assert good["mean_iou"] > 0.95 > worse["mean_iou"]
    assert summary["selected"] == "good"
    assert len(versions) == 2


def test_a_model_worse_than_the_published_one_is_never_published(history: History) -> None:
    summary, versions = history.worse
    assert (summary["published"], summary["selected"], len(versions)) == (None, "worse", 2)
    assert not summary["candidates"]["worse"]["refused"]
    assert "does not beat the model in service" in summary["reason"]


@pytest.mark.usefixtures("history")
def test_tfxs_resolver_finds_the_model_that_was_blessed_last(workspace: Workspace) -> None:
    from ml_metadata.metadata_store import MetadataStore
    from tfx.dsl.input_resolution.strategies.latest_blessed_model_strategy import LatestBlessedModelStrategy
    from tfx.orchestration import metadata
    from tfx.types import artifact_utils

    store = MetadataStore(metadata.sqlite_metadata_connection_config(str(workspace.output / "metadata.sqlite")))
    artifacts = {
        key: [
            artifact_utils.deserialize_artifact(store.get_artifact_type(name), artifact)
            for artifact in store.get_artifacts_by_type(name)
        ]
        for key, name in (("model", "Model"), ("model_blessing", "ModelBlessing"))
    }
    (model,) = LatestBlessedModelStrategy().resolve_artifacts(store, artifacts)["model"]
    assert "SegmentationTrainer.good" in model.uri


def test_a_withdrawn_model_is_not_published_again(history: History, workspace: Workspace) -> None:
    earlier, withdrawn = history.worse.versions
    done = rollback(workspace.serving)
    assert (done.in_service, done.withdrawn) == (earlier, (withdrawn,))
    summary, versions = workspace.run("good", "worse")
    assert summary["selected"] == "good"
    assert summary["baseline"]["mean_iou"] == summary["candidates"]["worse"]["mean_iou"]
    assert (summary["published"], versions) == (None, [earlier])
    assert f"a rollback took this same model out of service as version {withdrawn}" in summary["reason"]
    rollback(workspace.serving, withdrawn)
    assert workspace.versions == [earlier, withdrawn]
