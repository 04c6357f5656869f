"""Pusher publishes the targets of a model only as they were measured; rollback and removal take them along."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from components.model_pusher.publishing import Condition, publish
from components.model_pusher.rollback import rollback
from components.saved_model.model_digest import ModelFilesError, model_digest
from components.targets.names import PUBLISHED_TARGETS_FOLDER
from components.targets.target_folder import published_targets, read_target
from tests.components.model_pusher.version_folders import content, version_names, write_model
from tests.components.targets.test_target_folder import made_target


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model with one published target and one that was refused."""
    folder = write_model(tmp_path / "model")
    targets = folder / PUBLISHED_TARGETS_FOLDER
    made_target(targets / "litert")
    measured = {"published": True, "reason": None, "digest": model_digest(targets / "litert")}
    refused = {"published": False, "reason": "its mean IoU is too low", "digest": "0" * 64}
    (targets / "targets.json").write_text(json.dumps({"targets": {"litert": measured, "litert_int8": refused}}))
    return folder


def test_a_version_contains_the_targets_of_its_model(model: Path, tmp_path: Path) -> None:
    serving, plain = tmp_path / "serving", write_model(tmp_path / "plain")
    digest = model_digest(model)
    assert digest == model_digest(plain)  # the targets are not part of it
    condition = Condition(digest, digest)
    first, second, third = (
        Path(publish(folder, serving, condition=found))
        for folder, found in ((plain, None), (model, None), (model, condition))
    )
    assert content(second) == content(third) == content(model)
    assert read_target(published_targets(second)["litert"]).target.format == "litert"
    rollback(serving, first.name)
    withdrawn = serving / "withdrawn" / second.name
    assert content(withdrawn) == content(model)
    rollback(serving, third.name)
    publish(model, serving, keep_versions=1)
    assert len(version_names(serving)) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("damaged", "litert has changed since it was measured; run the same command again"),
        ("missing", "litert is missing; run the same command again"),
        ("refused", "litert_int8 was not measured, so it is not published; remove it"),
        ("unlisted", "litert was not measured, so it is not published; remove it"),
        ("unreadable", "targets.json is damaged"),
        ("of another model", "has the targets of another model; run the same command again"),
    ],
)
def test_other_targets_are_not_published(change: str, message: str, model: Path, tmp_path: Path) -> None:
    targets, serving = model / PUBLISHED_TARGETS_FOLDER, tmp_path / "serving"
    publish(write_model(tmp_path / "before"), serving)
    if change == "damaged":
        (targets / "litert/model.tflite").write_bytes(b"nEtwork")
    elif change == "missing":
        shutil.rmtree(targets / "litert")
    elif change == "refused":
        made_target(targets / "litert_int8", "litert_int8")
    elif change == "unlisted":
        (targets / "targets.json").unlink()
    elif change == "of another model":
        results = json.loads((targets / "targets.json").read_text())
        (targets / "targets.json").write_text(json.dumps({**results, "saved_model": {"digest": "0" * 64}}))
    else:
        (targets / "targets.json").write_text('{"targets": {"litert": {"published": 1}}}')
    with pytest.raises(ModelFilesError, match=message):
        publish(model, serving)
    assert len(version_names(serving)) == 1
    assert [path.name for path in serving.iterdir() if path.name.startswith(".incoming")] == []
