"""Devkit, publishing folder and training state, which nodes open themselves, can be in an object store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from etils import epath

from tests.conftest import CLASSES, IMAGE_SIZE, NODES_EXCEPT_TRAINERS
from tests.faulty_store import BUCKET
from tfds_voc_seg.devkit.fingerprint import fingerprint
from tfds_voc_seg.devkit.folders import find_devkit
from tfds_voc_seg.devkit.problems import DevkitError
from tfds_voc_seg.devkit.splits import read_splits

if TYPE_CHECKING:
    from collections.abc import Callable


def test_a_devkit_in_the_store_is_found_and_read(devkit: Path, remote_devkit: str) -> None:
    assert str(find_devkit(f"{BUCKET}/VOCdevkit")) == remote_devkit
    local, remote = read_splits(devkit), read_splits(remote_devkit)
    for split, listing in local.items():
        assert not remote[split].problems
        assert [pair.image_id for pair in remote[split].pairs] == [pair.image_id for pair in listing.pairs]
        assert all(pair.photo.startswith(remote_devkit) for pair in remote[split].pairs)
    assert fingerprint(remote_devkit) == fingerprint(devkit)
    with pytest.raises(DevkitError, match="s3://voc-seg/nothing is not a VOC devkit"):
        find_devkit(f"{BUCKET}/nothing")


def test_a_local_run_reads_its_devkit_from_the_store(devkit: Path, remote_devkit: str, tmp_path: Path) -> None:
    from pipeline.config.loading import load_config
    from pipeline.places import local_places

    config = load_config("demo", devkit=f"{BUCKET}/VOCdevkit", output=str(tmp_path))
    assert config.data.devkit == f"{BUCKET}/VOCdevkit"
    places = local_places(config)
    assert places.devkit == remote_devkit
    assert places.devkit_fingerprint == fingerprint(devkit)
    photo = next((epath.Path(remote_devkit) / "JPEGImages").iterdir())
    content = photo.read_bytes()
    try:
        photo.write_bytes(content + b"changed")
        assert local_places(config).devkit_fingerprint != places.devkit_fingerprint
    finally:
        photo.write_bytes(content)
    for place, problem in {
        f"{BUCKET}/nothing": "s3://voc-seg/nothing is not a VOC devkit",
        "ftp://host/VOC2012": "ftp://host/VOC2012: this kind of storage is not supported",
        "s3://no-such-bucket/VOC2012": "s3://no-such-bucket/VOC2012 is not a VOC devkit",
    }.items():
        with pytest.raises(DevkitError, match=problem):
            local_places(load_config("demo", devkit=place, output=str(tmp_path)))


def test_the_local_runner_converts_a_devkit_in_the_store_and_caches_the_records(
    remote_devkit: str, tmp_path: Path
) -> None:
    from rich.console import Console

    from pipeline.config.loading import load_config
    from pipeline.display.live import Display
    from pipeline.local.runner import run_nodes
    from pipeline.pipeline import trainer_id

    config = load_config("demo", devkit=remote_devkit, output=str(tmp_path / "run"))
    other_nodes = {*NODES_EXCEPT_TRAINERS, *map(trainer_id, config.candidates)} - {"VocExampleGen"}
    for cached in ([], ["VocExampleGen"]):
        run = run_nodes(config, Display(Console(quiet=True)), without=other_nodes)
        assert (list(run.seconds), run.cached) == (["VocExampleGen"], cached)
    (examples,) = run.store.get_artifacts_by_type("Examples")
    assert len(list(Path(examples.uri, "Split-val").iterdir())) == config.data.num_shards


def test_records_are_the_same_as_from_the_devkit_on_disk(
    remote_devkit: str, examples: Any, make_artifact: Callable[..., Any], tmp_path: Path
) -> None:
    from components.voc_example_gen import executor
    from components.voc_example_gen.component import VocExampleGen
    from tfds_voc_seg.record_config import ConversionConfig, RecordConfig

    component = VocExampleGen(
        remote_devkit, RecordConfig(IMAGE_SIZE, CLASSES), conversion_config=ConversionConfig(num_shards=2)
    )
    artifact = make_artifact("Examples", tmp_path)
    executor.Executor().Do({}, {"examples": [artifact]}, component.exec_properties)
    for split in ("train", "val"):
        names = sorted(file.name for file in Path(examples.uri, f"Split-{split}").iterdir())
        assert names
        for name in names:
            remote, local = (Path(place, f"Split-{split}", name) for place in (artifact.uri, examples.uri))
            assert remote.read_bytes() == local.read_bytes()


def test_a_model_is_published_and_read_back(
    model_of: Callable[..., Any], make_artifact: Callable[..., Any], tmp_path: Path
) -> None:
    from tfx.utils import path_utils

    from components.artifacts.candidates import IN_SERVICE_PROPERTY
    from components.model_pusher import executor as pusher
    from components.published_model import executor as published_model
    from components.saved_model.model_digest import model_digest

    serving = f"{BUCKET}/serving"

    def in_service(name: str) -> Any:
        model = make_artifact("Model", tmp_path / name)
        published_model.Executor().Do({}, {"model": [model]}, {"serving_folder": serving})
        return model

    assert in_service("before").get_int_custom_property(IN_SERVICE_PROPERTY) == 0
    blessing = make_artifact("ModelBlessing", tmp_path / "blessing")
    blessing.set_int_custom_property("blessed", 1)
    digests = {always: model_digest(path_utils.serving_model_dir(model_of(always).uri)) for always in (1, 2, 3)}
    for round_, always in enumerate(digests):
        blessing.set_string_custom_property("model_digest", digests[always])
        blessing.set_string_custom_property("compared_with", digests.get(always - 1, ""))
        pushed = make_artifact("PushedModel", tmp_path / f"pushed{round_}")
        pusher.Executor().Do(
            {"model": [model_of(always)], "model_blessing": [blessing]},
            {"pushed_model": [pushed]},
            {"serving_folder": serving, "keep_versions": 2},
        )
        assert pushed.get_int_custom_property("pushed") == 1
    assert len(list(epath.Path(serving).iterdir())) == 2
    model = in_service("after")
    assert model.get_int_custom_property(IN_SERVICE_PROPERTY) == 1
    read, written = (Path(path_utils.serving_model_dir(artifact.uri)) for artifact in (model, model_of(3)))
    assert (read / "saved_model.pb").read_bytes() == Path(pushed.uri, "saved_model.pb").read_bytes()
    assert written.name == read.name


def test_a_training_stores_and_reads_its_state() -> None:
    import keras
    import numpy as np

    from components.training.resumption import TrainingFolder, snapshot

    def new_network() -> keras.Model:
        network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        network.compile("adam", "mse")
        network.optimizer.build(network.trainable_variables)
        return network

    folder, trained = TrainingFolder(f"{BUCKET}/training/unet"), new_network()
    assert folder.read() is None
    folder.write(snapshot(trained), {"loss": [1.0]}, is_best=True, finished=False)
    folder.write(snapshot(trained), {"loss": [1.0, 0.5]}, is_best=True, finished=False)
    state, resumed = folder.read(), new_network()
    assert state is not None
    assert len(state.history["loss"]) == 2
    folder.resume(resumed, state)
    np.testing.assert_array_equal(resumed.get_weights()[0], trained.get_weights()[0])
    folder.remove()
    assert folder.read() is None
