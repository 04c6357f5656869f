"""Artifacts, and places that containers open themselves, in an object store: here S3, served on localhost by moto."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from etils import epath

from components.storage import copy_folder
from tests.conftest import CLASSES, IMAGE_SIZE, NODES_BESIDE_TRAINERS, VAL_IMAGES
from tfds_voc_seg.devkit import DevkitError, find_devkit, fingerprint, read_splits

BUCKET = "s3://voc-seg"


@pytest.fixture(scope="module", autouse=True)
def object_store() -> Iterator[None]:
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
            "EPATH_USE_TF": "false",  # what runs say themselves; here it goes again with the store
        }.items():
            patch.setenv(name, value)
        patch.setattr("etils.epath.gpath._is_tf_installed", lambda: False)  # it may have looked before
        boto3.client("s3").create_bucket(Bucket=BUCKET.removeprefix("s3://"))
        yield
    server.stop()


@pytest.fixture(scope="module")
def remote_devkit(devkit: Path, object_store: None) -> str:
    copy_folder(devkit, f"{BUCKET}/VOCdevkit/VOC2012")
    return f"{BUCKET}/VOCdevkit/VOC2012"


def test_a_devkit_is_found_and_read(devkit: Path, remote_devkit: str) -> None:
    assert str(find_devkit(f"{BUCKET}/VOCdevkit")) == remote_devkit
    local, remote = read_splits(devkit), read_splits(remote_devkit)
    for split, listing in local.items():
        assert not remote[split].problems
        assert [pair.image_id for pair in remote[split].pairs] == [pair.image_id for pair in listing.pairs]
        assert all(pair.photo.startswith(remote_devkit) for pair in remote[split].pairs)
    assert fingerprint(remote_devkit) == fingerprint(devkit)
    with pytest.raises(DevkitError, match="s3://voc-seg/nothing is not a VOC devkit"):
        find_devkit(f"{BUCKET}/nothing")


def test_a_run_on_this_machine_takes_its_devkit_from_the_store(
    devkit: Path, remote_devkit: str, tmp_path: Path
) -> None:
    from pipeline.config import load_config
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
        "ftp://host/VOC2012": "ftp://host/VOC2012: storage of this kind can't be opened",
        "s3://no-such-bucket/VOC2012": "s3://no-such-bucket/VOC2012 is not a VOC devkit",
    }.items():
        with pytest.raises(DevkitError, match=problem):
            local_places(load_config("demo", devkit=place, output=str(tmp_path)))


def test_the_local_runner_converts_it_and_knows_it_again(remote_devkit: str, tmp_path: Path) -> None:
    from rich.console import Console

    from pipeline.config import load_config
    from pipeline.display import Display
    from pipeline.local_runner import run_nodes
    from pipeline.pipeline import trainer_id

    config = load_config("demo", devkit=remote_devkit, output=str(tmp_path / "run"))
    left_out = {*NODES_BESIDE_TRAINERS, *map(trainer_id, config.candidates)} - {"VocExampleGen"}
    for cached in ([], ["VocExampleGen"]):
        _, store, watch = run_nodes(config, Display(Console(quiet=True)), without=left_out)
        assert (list(watch.seconds), watch.cached) == (["VocExampleGen"], cached)
    (examples,) = store.get_artifacts_by_type("Examples")
    assert len(list(Path(examples.uri, "Split-val").iterdir())) == config.data.num_shards


def test_records_are_those_of_the_devkit_on_disk(
    remote_devkit: str, examples: Any, make_artifact: Callable[..., Any], tmp_path: Path
) -> None:
    from components.voc_example_gen import executor
    from components.voc_example_gen.component import VocExampleGen
    from tfds_voc_seg.conversion import ConversionConfig
    from tfds_voc_seg.record_config import RecordConfig

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

    from components.candidates import IN_SERVICE_PROPERTY
    from components.model_pusher import executor as pusher
    from components.published_model import executor as published_model

    serving = f"{BUCKET}/serving"

    def in_service(name: str) -> Any:
        model = make_artifact("Model", tmp_path / name)
        published_model.Executor().Do({}, {"model": [model]}, {"serving_folder": serving})
        return model

    assert in_service("before").get_int_custom_property(IN_SERVICE_PROPERTY) == 0
    blessing = make_artifact("ModelBlessing", tmp_path / "blessing")
    blessing.set_int_custom_property("blessed", 1)
    for round_, always in enumerate((1, 2, 3)):
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


def test_a_training_keeps_its_state() -> None:
    import keras
    import numpy as np

    from components.segmentation_trainer.resumption import TrainingFolder

    def network() -> keras.Model:
        made = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        made.compile("adam", "mse")
        made.optimizer.build(made.trainable_variables)
        return made

    folder, trained = TrainingFolder(f"{BUCKET}/training/unet"), network()
    assert folder.read() is None
    folder.write(trained, {"loss": [1.0]}, is_best=True, finished=False)
    folder.write(trained, {"loss": [1.0, 0.5]}, is_best=True, finished=False)
    state, resumed = folder.read(), network()
    assert state is not None
    assert len(state.history["loss"]) == 2
    folder.resume(resumed, state)
    np.testing.assert_array_equal(resumed.get_weights()[0], trained.get_weights()[0])
    folder.remove()
    assert folder.read() is None


def test_models_are_tested_evaluated_selected_and_published_in_the_store(
    remote_devkit: str, model_of: Callable[..., Any], make_artifact: Callable[..., Any], tmp_path: Path
) -> None:
    """One process, and no artifact on a disk: what TensorFlow can't open is copied, used and copied back."""
    from tfx import types
    from tfx.types import standard_artifacts

    from components.model_pusher import executor as pusher
    from components.model_selector import executor as selector
    from components.model_selector.component import ModelSelector
    from components.model_selector.selection_config import SelectionConfig
    from components.model_smoke_test import executor as smoke_test
    from components.model_smoke_test.component import ModelSmokeTest
    from components.model_smoke_test.smoke_test_config import SmokeTestConfig
    from components.published_model import executor as published_model
    from components.segmentation_evaluator import executor as evaluator
    from components.segmentation_evaluator.component import SegmentationEvaluator
    from components.voc_example_gen import executor as example_gen
    from components.voc_example_gen.component import VocExampleGen
    from tfds_voc_seg.conversion import ConversionConfig
    from tfds_voc_seg.record_config import RecordConfig

    def at(folder: str, artifact_type: str, artifact_id: int = 1) -> Any:
        artifact = make_artifact(artifact_type, Path(), artifact_id)
        artifact.uri = f"{BUCKET}/run/{folder}"  # pathlib would drop a slash
        return artifact

    record_config, channel = RecordConfig(IMAGE_SIZE, CLASSES), types.Channel(type=standard_artifacts.Model)
    candidates, evaluations = {"ground": channel}, types.Channel(type=standard_artifacts.ModelEvaluation)
    records = types.Channel(type=standard_artifacts.Examples)
    examples = at("examples", "Examples")
    gen = VocExampleGen(remote_devkit, record_config, conversion_config=ConversionConfig(num_shards=2))
    example_gen.Executor().Do({}, {"examples": [examples]}, gen.exec_properties)

    ground, in_service, serving = at("ground", "Model", 7), at("in_service", "Model"), f"{BUCKET}/run/serving"
    copy_folder(model_of(0).uri, ground.uri)
    copy_folder(f"{model_of(1).uri}/Format-Serving", f"{serving}/1")
    published_model.Executor().Do({}, {"model": [in_service]}, {"serving_folder": serving})

    tested, evaluation = at("smoke_test", "ModelEvaluation"), at("evaluation", "ModelEvaluation")
    test = ModelSmokeTest(records, candidates, SmokeTestConfig(records=2, latency_requests=1))
    inputs = {"examples": [examples], "model_ground": [ground]}
    smoke_test.Executor().Do(inputs, {"smoke_test": [tested]}, test.exec_properties)
    evaluate = SegmentationEvaluator(
        records, candidates, evaluations, channel, devkit=remote_devkit, record_config=record_config
    )
    inputs |= {"smoke_test": [tested], "baseline": [in_service]}
    context = evaluator.Executor.Context(
        beam_pipeline_args=["--runner=DirectRunner", "--allow_unsafe_triggers"], tmp_dir=str(tmp_path)
    )
    evaluator.Executor(context).Do(inputs, {"evaluation": [evaluation]}, evaluate.exec_properties)
    result = json.loads((epath.Path(evaluation.uri) / "evaluation.json").read_text())
    assert result["images"] == VAL_IMAGES
    assert result["candidates"]["ground"]["mean_iou"] > result["baseline"]["mean_iou"]
    assert result["candidates"]["ground"]["original_size"]["images"] == VAL_IMAGES
    (best, *_) = result["examples"]
    assert (epath.Path(evaluation.uri) / "examples" / best["image_id"] / "ground.png").is_file()

    blessing, selected, pushed = at("blessing", "ModelBlessing"), at("selected", "Model"), at("pushed", "PushedModel")
    select = ModelSelector(evaluations, evaluations, candidates, SelectionConfig(publish_background_only=True))
    inputs = {"evaluation": [evaluation], "smoke_test": [tested], "model_ground": [ground]}
    selector.Executor().Do(inputs, {"model": [selected], "blessing": [blessing]}, select.exec_properties)
    assert blessing.get_int_custom_property("blessed") == 1
    assert blessing.get_string_custom_property("current_model") == ground.uri == f"{BUCKET}/run/ground"
    pusher.Executor().Do(
        {"model": [selected], "model_blessing": [blessing]}, {"pushed_model": [pushed]}, {"serving_folder": serving}
    )
    version = epath.Path(pushed.get_string_custom_property("pushed_destination"))
    assert str(version).startswith(f"{serving}/")
    trained = (epath.Path(ground.uri) / "Format-Serving/saved_model.pb").read_bytes()
    assert (version / "saved_model.pb").read_bytes() == trained
    assert (epath.Path(pushed.uri) / "assets.extra/model_card.md").is_file()


def test_a_network_is_trained_from_the_store_into_it(examples: Any, make_artifact: Callable[..., Any]) -> None:
    from tfx import types
    from tfx.types import standard_artifacts

    from components.segmentation_trainer import executor
    from components.segmentation_trainer.component import SegmentationTrainer
    from components.segmentation_trainer.resumption import TrainingFolder
    from components.segmentation_trainer.training_config import TrainingConfig

    records, model, run = (make_artifact(kind, Path()) for kind in ("Examples", "Model", "ModelRun"))
    records.uri, model.uri, run.uri = (f"{BUCKET}/trained/{name}" for name in ("examples", "model", "run"))
    records.split_names = examples.split_names
    copy_folder(examples.uri, records.uri)
    trainer = SegmentationTrainer(
        types.Channel(type=standard_artifacts.Examples),
        "small",
        "unet",
        {"width": 4, "depth": 1, "dropout": 0.0},
        TrainingConfig(epochs=1),
        state_folder=f"{BUCKET}/trained/state",
    )
    folders = []
    with pytest.MonkeyPatch.context() as patch:  # a training that is killed and begun again finds its state
        patch.setattr(TrainingFolder, "remove", lambda self: folders.append(self._folder))
        for _ in range(2):
            outputs = {"model": [model], "model_run": [run]}
            executor.Executor().Do({"examples": [records]}, outputs, trainer.exec_properties)
    assert folders[0] == folders[1]
    assert str(folders[0]).startswith(f"{BUCKET}/trained/state/")
    assert (epath.Path(model.uri) / "Format-Serving/saved_model.pb").is_file()
    assert len(json.loads((epath.Path(run.uri) / "history.json").read_text())["loss"]) == 1


def test_what_a_failing_node_wrote_does_not_reach_the_store(make_artifact: Callable[..., Any]) -> None:
    from components.artifacts_on_disk import on_disk

    class Failing:
        @on_disk
        def Do(self, input_dict: Any, output_dict: Any, exec_properties: Any) -> None:  # noqa: N802 (TFX's name)
            folder = Path(output_dict["model"][0].uri)
            (folder / "half.txt").write_text("half")
            if exec_properties["fails"]:
                raise ValueError("no more disk")

    model = make_artifact("Model", Path())
    model.uri = place = f"{BUCKET}/half"
    with pytest.raises(ValueError, match="no more disk"):
        Failing().Do({}, {"model": [model]}, {"fails": True})
    assert model.uri == place
    assert not epath.Path(place).exists()
    Failing().Do({}, {"model": [model]}, {"fails": False})
    assert model.uri == place
    assert (epath.Path(place) / "half.txt").read_text() == "half"


def test_the_report_of_a_run_whose_artifacts_are_in_the_store(tmp_path: Path) -> None:
    from pipeline.report.page import write_report
    from tests.pipeline.made_run import write_whole_run

    run = write_whole_run(tmp_path / "run")
    on_disk = write_report(run.output).read_text()
    copy_folder(run.output / "tfx", f"{BUCKET}/reported/tfx")
    artifacts = run.store.get_artifacts()
    for artifact in artifacts:
        artifact.uri = artifact.uri.replace(str(run.output), f"{BUCKET}/reported")
    run.store.put_artifacts(artifacts)
    epath.Path(run.output / "tfx").rmtree()
    in_the_store = write_report(run.output).read_text()
    without_time = [re.sub(r"\d\d\d\d-\d\d-\d\d \d\d:\d\d", "", page) for page in (on_disk, in_the_store)]
    assert without_time[0].count("data:image/") > 10
    assert without_time[0] == without_time[1]
