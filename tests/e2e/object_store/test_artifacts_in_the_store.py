"""Artifacts can be in an object store that TensorFlow cannot open; the only local files are in a scratch folder."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from etils import epath

from tests.components.model_smoke_test.checks_here import run_checks_in_this_process
from tests.conftest import CLASSES, IMAGE_SIZE, VAL_IMAGES
from tests.faulty_store import BUCKET
from tfds_voc_seg.storage import copy_folder

if TYPE_CHECKING:
    from collections.abc import Callable


def test_models_in_the_store_are_tested_evaluated_selected_and_published(
    remote_devkit: str,
    model_of: Callable[..., Any],
    make_artifact: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No artifact is on the local disk: the nodes copy what TensorFlow cannot open to the disk and back."""
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
    from tfds_voc_seg.record_config import ConversionConfig, RecordConfig

    def stored_artifact(folder: str, artifact_type: str, artifact_id: int = 1) -> Any:
        artifact = make_artifact(artifact_type, Path(), artifact_id)
        artifact.uri = f"{BUCKET}/run/{folder}"  # a pathlib path would drop a slash of the URI
        return artifact

    record_config, channel = RecordConfig(IMAGE_SIZE, CLASSES), types.Channel(type=standard_artifacts.Model)
    candidates, evaluations = {"ground": channel}, types.Channel(type=standard_artifacts.ModelEvaluation)
    records = types.Channel(type=standard_artifacts.Examples)
    examples = stored_artifact("examples", "Examples")
    gen = VocExampleGen(remote_devkit, record_config, conversion_config=ConversionConfig(num_shards=2))
    example_gen.Executor().Do({}, {"examples": [examples]}, gen.exec_properties)

    ground, in_service, serving = (
        stored_artifact("ground", "Model", 7),
        stored_artifact("in_service", "Model"),
        f"{BUCKET}/run/serving",
    )
    copy_folder(model_of(0).uri, ground.uri)
    copy_folder(f"{model_of(1).uri}/Format-Serving", f"{serving}/1")
    published_model.Executor().Do({}, {"model": [in_service]}, {"serving_folder": serving})

    tested, evaluation = (
        stored_artifact("smoke_test", "ModelEvaluation"),
        stored_artifact("evaluation", "ModelEvaluation"),
    )
    test = ModelSmokeTest(records, candidates, SmokeTestConfig(records=2, latency_requests=1))
    inputs = {"examples": [examples], "model_ground": [ground]}
    run_checks_in_this_process(monkeypatch)
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

    blessing, selected, pushed = (
        stored_artifact("blessing", "ModelBlessing"),
        stored_artifact("selected", "Model"),
        stored_artifact("pushed", "PushedModel"),
    )
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


@pytest.mark.slow
def test_a_training_reads_from_and_writes_to_the_store(examples: Any, make_artifact: Callable[..., Any]) -> None:
    from tfx import types
    from tfx.types import standard_artifacts

    from components.segmentation_trainer import executor
    from components.segmentation_trainer.component import SegmentationTrainer
    from components.training.config import TrainingConfig
    from components.training.resumption import TrainingFolder

    records, model, run = (make_artifact(kind, Path()) for kind in ("Examples", "Model", "ModelRun"))
    records.uri = f"{BUCKET}/trained/examples"
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
    with pytest.MonkeyPatch.context() as patch:  # a training that was killed and restarted finds its state
        patch.setattr(TrainingFolder, "remove", lambda self: folders.append(self._folder))
        for attempt in range(2):
            model.uri, run.uri = (f"{BUCKET}/trained/{name}{attempt}" for name in ("model", "run"))
            outputs = {"model": [model], "model_run": [run]}
            executor.Executor().Do({"examples": [records]}, outputs, trainer.exec_properties)
    assert folders[0] == folders[1]
    assert str(folders[0]).startswith(f"{BUCKET}/trained/state/")
    assert (epath.Path(model.uri) / "Format-Serving/saved_model.pb").is_file()
    assert len(json.loads((epath.Path(run.uri) / "history.json").read_text())["loss"]) == 1


def test_the_output_of_a_failed_node_is_not_copied_to_the_store(make_artifact: Callable[..., Any]) -> None:
    from components.artifacts.local_copies import with_local_copies

    class Failing:
        @with_local_copies
        def Do(self, input_dict: Any, output_dict: Any, exec_properties: Any) -> None:  # noqa: ARG002, N802 (TFX's)
            folder = Path(output_dict["model"][0].uri)
            (folder / "half.txt").write_text("half")
            if exec_properties["fails"]:
                raise ValueError("no space left")

    model = make_artifact("Model", Path())
    model.uri = place = f"{BUCKET}/half"
    with pytest.raises(ValueError, match="no space left"):
        Failing().Do({}, {"model": [model]}, {"fails": True})
    assert model.uri == place
    assert not epath.Path(place).exists()
    Failing().Do({}, {"model": [model]}, {"fails": False})
    assert model.uri == place
    assert (epath.Path(place) / "half.txt").read_text() == "half"


def test_the_report_is_the_same_if_the_artifacts_are_in_the_store(tmp_path: Path) -> None:
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
