"""The faults that were once published or lost: each is now found, and the same command ends as it should."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.artifacts.records import read_records
from components.manifest import find_damage
from pipeline.cli import main
from pipeline.metadata.lineage import read_lineage
from tests.components.test_locks import HOLDER
from tests.e2e.known_networks import Workspace
from tests.faults.damages import ADDED, DAMAGES
from tests.faults.run_artifacts import artifacts, newest_artifact, wrong_data

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator

VAL_IMAGES = 6


class Killed(BaseException):
    """As SIGKILL, nothing in the pipeline catches it."""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A finished run that published the network `worse`."""
    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        workspace = Workspace(folder)
        assert workspace.run("worse").summary["published"]
        yield workspace


@pytest.fixture
def workspace(finished: Workspace) -> Iterator[Workspace]:
    """The finished run, put back as it was after the test. The folder's path stays, because the metadata contain it."""
    saved = finished.output.with_name("saved")
    shutil.copytree(finished.output, saved)
    yield finished
    shutil.rmtree(finished.output)
    saved.rename(finished.output)


def _check_data(workspace: Workspace) -> None:
    """All records are read, validated and evaluated once."""
    assert [*wrong_data(workspace.output)] == []
    evaluation = newest_artifact(workspace.output, "SegmentationEvaluator", "evaluation") / "evaluation.json"
    assert json.loads(evaluation.read_text())["images"] == VAL_IMAGES


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["variables cut", "saved_model.pb removed"])
def test_a_damaged_model_is_trained_again(workspace: Workspace, fault: str) -> None:
    import tensorflow as tf

    model = newest_artifact(workspace.output, "SegmentationTrainer.worse", "model") / "Format-Serving"
    if fault == "variables cut":
        (variables,) = model.glob("variables/variables.data-*")
        with variables.open("r+b") as file:
            file.truncate(100)
    else:
        (model / "saved_model.pb").unlink()
    shutil.rmtree(workspace.serving)  # the Pusher publishes the blessed model again
    summary, (version,) = workspace.run("worse")
    assert list(summary["damaged"]) == ["SegmentationTrainer.worse"]
    assert str(model) in summary["damaged"]["SegmentationTrainer.worse"]
    assert {"VocExampleGen", "DataValidator"} <= {*summary["cached"]}
    assert summary["published"] == str(workspace.serving / version)
    tf.saved_model.load(summary["published"])


@pytest.mark.slow  # what is read of such records: test_manifest.py
def test_records_cut_at_a_record_are_converted_again(workspace: Workspace) -> None:
    examples = newest_artifact(workspace.output, "VocExampleGen", "examples")
    (shard,) = (examples / "Split-val").iterdir()
    content = shard.read_bytes()
    shard.write_bytes(content[: int.from_bytes(content[:8], "little") + 16])
    summary, _ = workspace.run("worse")
    assert shard.name in summary["damaged"]["VocExampleGen"]
    assert summary["cached"] == ["CuratedSchema"]
    _check_data(workspace)


def _execution_ids(workspace: Workspace) -> dict[int, str]:
    """Execution → its node, according to the folders of the artifacts."""
    folders = [path for path in workspace.output.glob("tfx/*/*/*/") if path.name.isdecimal()]
    return {int(path.name): path.parts[-3] for path in folders}


@pytest.mark.slow
def test_a_removed_database_is_restored_and_records_are_not_mixed(
    workspace: Workspace, make_artifact: Callable[..., Any]
) -> None:
    (version,), before = workspace.versions, _execution_ids(workspace)
    lineage = read_lineage(workspace.output)
    (workspace.output / "metadata.sqlite").unlink()
    summary, _ = workspace.run("worse", num_shards=2)
    assert summary["cached"] == ["CuratedSchema"]
    _check_data(workspace)
    assert {number: node for number, node in _execution_ids(workspace).items() if number in before} == before
    assert read_lineage(workspace.output, version) == lineage
    old, new = sorted((workspace.output / "tfx/VocExampleGen/examples").iterdir(), key=lambda path: int(path.name))
    for folder, shards in ((old, 1), (new, 2)):
        artifact = make_artifact("Examples", folder)
        artifact.split_names = '["train", "val"]'
        assert {split: len(files) for split, files in read_records(artifact).files.items()} == {
            "train": shards,
            "val": shards,
        }


@pytest.mark.slow
def test_a_database_without_records_does_not_mix_old_and_new_records(workspace: Workspace) -> None:
    """As in the output folder of an earlier version of this project."""
    before = _execution_ids(workspace)
    shutil.rmtree(workspace.output / "tfx/.executions")
    (workspace.output / "metadata.sqlite").unlink()
    assert workspace.run("worse", num_shards=2).summary["cached"] == []
    _check_data(workspace)
    assert min({*_execution_ids(workspace)} - {*before}) > max(before)


@pytest.mark.slow
def test_after_a_repair_of_the_database_the_cache_and_the_lineage_are_as_before(
    workspace: Workspace, capfd: pytest.CaptureFixture[str]
) -> None:
    (version,), before = workspace.versions, _execution_ids(workspace)
    lineage, database = read_lineage(workspace.output), workspace.output / "metadata.sqlite"
    database.write_bytes(database.read_bytes()[:50_000])
    assert main(["run", "--preset", str(workspace.preset)]) == 1
    assert f"run `vocseg repair {workspace.output}`, and then the same command again" in capfd.readouterr().err
    assert main(["repair", str(workspace.output)]) == 0
    assert "lost" not in capfd.readouterr().out
    summary, versions = workspace.run("worse")
    new_inputs = {"PublishedModel", "SegmentationEvaluator", "ModelSelector", "Pusher"}  # a model is in service now
    assert {*summary["seconds"]} - {*summary["cached"]} == new_inputs
    assert (summary["published"], versions) == (None, [version])
    assert summary["damaged"] == {}
    assert read_lineage(workspace.output) == lineage
    assert min({*_execution_ids(workspace)} - {*before}) > max(before)


@pytest.mark.slow
def test_a_second_run_in_the_same_folder_stops_with_a_sentence(
    workspace: Workspace, capfd: pytest.CaptureFixture[str]
) -> None:
    workspace.config("worse")
    before = {path: path.read_bytes() for path in workspace.output.rglob("*") if path.is_file()}
    holder_command = [sys.executable, "-c", HOLDER, str(workspace.output), "60"]
    with subprocess.Popen(holder_command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout
        holder.stdout.readline()
        status = main(["run", "--preset", str(workspace.preset)])
        holder.kill()
    assert status == 1
    assert f"is in use by `vocseg run`, process {holder.pid} on " in capfd.readouterr().err
    before.pop(workspace.output / ".lock", None)
    after = {path: path.read_bytes() for path in workspace.output.rglob("*") if path.is_file()}
    after.pop(workspace.output / ".lock")
    assert after == before


@pytest.mark.slow
def test_a_model_is_compared_with_the_one_that_another_process_published_meanwhile(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`good` is published by another process between the evaluation of `worse` and its push."""
    from components.model_pusher.publishing import publish

    good = workspace.run("good")
    published = Path(good.summary["published"])
    better = shutil.move(published, workspace.output.with_name("better"))
    shutil.rmtree(workspace.serving)
    calls: list[Any] = []

    def publish_after_another(*arguments: Any, **options: Any) -> Any:
        if not calls:
            calls.append(publish(better, workspace.serving))
        return publish(*arguments, **options)

    monkeypatch.setattr("components.model_pusher.executor.publish", publish_after_another)
    summary, versions = workspace.run("worse")
    shutil.rmtree(better)
    assert versions == [calls[0].name]
    assert summary["published"] is None
    assert "does not beat the model in service" in summary["reason"]


@pytest.mark.slow
@pytest.mark.parametrize("then", ["nothing", "the database is removed"])
def test_a_run_killed_between_rename_and_commit_keeps_the_origin_of_its_version(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, then: str
) -> None:
    from tfx.orchestration.portable import execution_publish_utils

    real = execution_publish_utils.publish_succeeded_execution

    def killed_after_the_push(**arguments: Any) -> Any:
        if "pushed_model" in arguments["output_artifacts"]:
            raise Killed
        return real(**arguments)

    with monkeypatch.context() as patch:
        patch.setattr(execution_publish_utils, "publish_succeeded_execution", killed_after_the_push)
        with pytest.raises(Killed):
            workspace.run("good")
    version = workspace.versions[-1]
    assert len(workspace.versions) == 2
    if then == "the database is removed":
        (workspace.output / "metadata.sqlite").unlink()
    summary, versions = workspace.run("good")
    assert versions[-1] == version
    assert summary["completed"] == [version]
    assert summary["reason"].startswith(f"an interrupted run published {version}; ")
    origin = read_lineage(workspace.output, version)
    assert origin.properties["pushed_destination"] == str(workspace.serving / version)
    assert origin.node == "Pusher"
    assert {source.role for source in origin.inputs} == {"model", "model_blessing"}
    assert workspace.run("good").summary["completed"] == []


@pytest.mark.slow
def test_a_run_killed_before_any_commit_is_resumed(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """A node has done its work, but the metadata do not know it; the published version then has one record."""
    from ml_metadata.metadata_store import MetadataStore
    from tfx.orchestration import metadata
    from tfx.orchestration.portable import execution_publish_utils

    real = execution_publish_utils.publish_succeeded_execution
    shutil.rmtree(workspace.output)
    for kill_at in range(1, 30):
        commits = iter(range(1, 30))

        def commit(commits: Iterator[int] = commits, kill_at: int = kill_at, **arguments: Any) -> Any:
            if next(commits) == min(kill_at, 2):  # the earlier nodes are cached
                raise Killed
            return real(**arguments)

        with monkeypatch.context() as patch:
            patch.setattr(execution_publish_utils, "publish_succeeded_execution", commit)
            try:
                workspace.run("good")
            except Killed:
                continue
        break
    assert kill_at > 5
    summary, versions = workspace.run("good")
    assert len(versions) == 1
    assert summary["baseline"]["mean_iou"] == summary["candidates"]["good"]["mean_iou"] > 0.95
    store = MetadataStore(metadata.sqlite_metadata_connection_config(str(workspace.output / "metadata.sqlite")))
    pushed = [artifact.custom_properties for artifact in store.get_artifacts_by_type("PushedModel")]
    recorded = [found["pushed_version"].string_value for found in pushed if found["pushed"].int_value]
    assert recorded == versions


@pytest.mark.slow
def test_every_change_of_a_file_of_the_run_is_found(
    finished: Workspace, record_faults: Callable[[Counter[str]], None]
) -> None:
    """Cut, flip, delete and add, for every file of every artifact."""
    files = [file for artifact in artifacts(finished.output) for file in artifact.rglob("*") if file.is_file()]
    faults: Counter[str] = Counter()

    @given(file=st.sampled_from(sorted(files)), fault=st.sampled_from([*DAMAGES]), chance=st.randoms())
    @settings(max_examples=300)
    def damage(file: Path, fault: str, chance: random.Random) -> None:
        (artifact,) = {*file.parents} & {*artifacts(finished.output)}
        content, times = file.read_bytes(), file.stat()
        DAMAGES[fault](file, chance)
        changed = fault == "add" or not file.exists() or file.read_bytes() != content
        damage = find_damage(artifact)
        file.with_name(ADDED).unlink(missing_ok=True)
        file.write_bytes(content)
        os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
        assert (damage is not None) == changed
        assert find_damage(artifact) is None
        faults[f"damage, {fault}"] += changed

    damage()
    record_faults(faults)


@pytest.mark.slow
def test_every_damaged_artifact_is_replaced(workspace: Workspace) -> None:
    workspace.run("worse")  # the model in service is new to the first one
    for folder in sorted(path for path in workspace.output.glob("tfx/*/*/") if not path.name.startswith(".")):
        node = folder.parent.name
        if node == "Pusher":  # it runs every time, so that nothing uses its artifacts
            continue
        artifact = newest_artifact(workspace.output, node, folder.name)
        file = max((path for path in artifact.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
        file.write_bytes(bytes(byte ^ 255 for byte in file.read_bytes()))
        summary, versions = workspace.run("worse")
        assert list(summary["damaged"]) == [node]
        assert file.name in summary["damaged"][node]
        assert node not in summary["cached"]
        assert (summary["published"], len(versions)) == (None, 1)
        _check_data(workspace)


@pytest.mark.slow
def test_a_cached_run_uses_the_whole_cache(workspace: Workspace) -> None:
    summary, _ = workspace.run("worse")  # the second one: the model in service is new to it
    summary, _ = workspace.run("worse")
    assert summary["damaged"] == {}
    assert {*summary["seconds"]} - {*summary["cached"]} == {"Pusher"}
    for path in (workspace.output / "tfx").rglob("*"):  # as after a copy of the folder
        os.utime(path)
    assert workspace.run("worse").summary["damaged"] == {}
