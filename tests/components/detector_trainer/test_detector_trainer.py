"""DetectorTrainer's executor on real records, and its detector as the backbone of a segmentation network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tensorflow as tf
from tfx import types
from tfx.types import standard_artifacts
from tfx.utils import path_utils

from components.detector_trainer import executor
from components.detector_trainer.component import DetectorTrainer
from components.detector_trainer.detector_config import DetectorConfig
from components.detector_trainer.evaluation import VAL_MAP
from components.networks.layer_weights import read_layer_weights
from components.progress import Progress, listening
from components.run_files import (
    BACKBONE_FILE,
    DETECTION_FILE,
    DETECTIONS_FOLDER,
    DETECTOR_DESCRIPTION_FILE,
    DETECTOR_WEIGHTS_FILE,
    HISTORY_JSON,
    LAYER_WEIGHTS_FILE,
)
from components.segmentation_trainer import executor as segmentation_executor
from components.segmentation_trainer.component import SegmentationTrainer
from components.training.config import TrainingConfig
from components.training.step_reports import TrainingError
from tests.conftest import CLASSES, VAL_IMAGES

if TYPE_CHECKING:
    from collections.abc import Callable

SMALL = {"width": 0.1, "batch_normalization": True, "batch_size": 4, "optimizer": "adamw", "learning_rate": 0.003}
IMAGE_SIZE = 64


@pytest.fixture(scope="module")
def examples_with_boxes(
    devkit: Path, tmp_path_factory: pytest.TempPathFactory, make_artifact: Callable[..., Any]
) -> Any:
    from components.voc_example_gen.component import VocExampleGen
    from components.voc_example_gen.executor import Executor
    from tfds_voc_seg.record_config import ConversionConfig, RecordConfig

    component = VocExampleGen(
        str(devkit),
        RecordConfig(IMAGE_SIZE, CLASSES, boxes=True),
        conversion_config=ConversionConfig(num_shards=2),
    )
    artifact = make_artifact("Examples", tmp_path_factory.mktemp("examples"))
    Executor().Do({}, {"examples": [artifact]}, component.exec_properties)
    return artifact


@pytest.fixture(scope="module")
def train(tmp_path_factory: pytest.TempPathFactory, make_artifact: Callable[..., Any]) -> Callable[..., Any]:
    def run(examples: Any, **settings: Any) -> tuple[Any, Path]:
        folder = tmp_path_factory.mktemp("detector")
        outputs = {"detector": [make_artifact("Model", folder / "model", 7)]}
        outputs["detector_run"] = [make_artifact("ModelRun", folder / "run")]
        state_folder = settings.pop("state_folder", "")
        component = DetectorTrainer(
            types.Channel(type=standard_artifacts.Examples),
            DetectorConfig(**{**SMALL, **settings}),
            state_folder=state_folder,
        )
        executor.Executor().Do({"examples": [examples]}, outputs, component.exec_properties)
        return outputs["detector"][0], folder / "run"

    return run


@pytest.fixture(scope="module")
def trained(train: Callable[..., tuple[Any, Path]], examples_with_boxes: Any) -> tuple[Any, Path]:
    return train(examples_with_boxes, epochs=8)


def test_the_loss_decreases_and_the_metrics_are_written(trained: tuple[Any, Path]) -> None:
    model, run = trained
    history = json.loads((run / HISTORY_JSON).read_text())
    assert len(history["loss"]) == 8
    assert history["loss"][-1] < 0.7 * history["loss"][0]
    figures = json.loads((run / DETECTION_FILE).read_text())
    assert figures["images"] == VAL_IMAGES
    assert figures["map_voc2012"] == pytest.approx(
        max(history[VAL_MAP]), abs=1e-6
    )  # the weights are those of the best epoch
    description = json.loads((Path(model.uri) / DETECTOR_DESCRIPTION_FILE).read_text())
    assert description["figures"] == figures
    assert len(list((run / DETECTIONS_FOLDER).glob("*.png"))) == VAL_IMAGES


def test_the_saved_model_detects_objects(trained: tuple[Any, Path], devkit: Path) -> None:
    model, _ = trained
    detect = tf.saved_model.load(path_utils.serving_model_dir(model.uri)).signatures["serving_default"]
    photos = [file.read_bytes() for file in sorted((devkit / "JPEGImages").iterdir())[:3]]
    answer = {name: values.numpy() for name, values in detect(image_bytes=tf.constant(photos)).items()}
    assert answer["boxes"].shape[0] == 3
    assert answer["boxes"].min() >= 0
    assert answer["boxes"].max() <= 1
    assert (answer["count"] > 0).all()
    assert set(answer["labels"][0][: answer["count"][0]]) <= set(range(1, len(CLASSES) + 1))


def test_a_segmentation_network_starts_with_the_detectors_vgg(
    trained: tuple[Any, Path], examples_with_boxes: Any, tmp_path: Path, make_artifact: Callable[..., Any]
) -> None:
    model, _ = trained
    options = {"width": 0.1, "batch_normalization": True, "fully_connected_channels": 0}
    component = SegmentationTrainer(
        types.Channel(type=standard_artifacts.Examples),
        "transfer",
        "fcn8",
        options,
        TrainingConfig(epochs=1, batch_size=5, frozen_blocks=5),
        backbone=types.Channel(type=standard_artifacts.Model),
    )
    assert "backbone" in component.inputs
    outputs = {"model": [make_artifact("Model", tmp_path / "model")]}
    outputs["model_run"] = [make_artifact("ModelRun", tmp_path / "run")]
    inputs = {"examples": [examples_with_boxes], "backbone": [model]}
    segmentation_executor.Executor().Do(inputs, outputs, component.exec_properties)
    report = json.loads((tmp_path / "run" / BACKBONE_FILE).read_text())
    assert report["model"] == model.uri
    assert len(report["matched"]) == 26
    # The blocks were frozen, so the exported network has the detector's kernels.
    kernels = read_layer_weights(Path(model.uri) / LAYER_WEIGHTS_FILE)
    saved = tf.train.load_checkpoint(f"{path_utils.serving_model_dir(str(tmp_path / 'model'))}/variables/variables")
    arrays = [np.asarray(saved.get_tensor(name)) for name in saved.get_variable_to_shape_map()]
    for name in ("block1_conv1", "block5_conv3"):
        kernel = kernels[name][0]
        assert any(array.shape == kernel.shape and np.array_equal(array, kernel) for array in arrays), name


@pytest.mark.slow
def test_a_killed_training_resumes(train: Callable[..., Any], examples_with_boxes: Any, tmp_path: Path) -> None:
    class KilledError(Exception):
        pass

    def kill(progress: Progress) -> None:
        if "epoch 3/" in progress.task:
            raise KilledError

    settings = {"epochs": 4, "state_folder": str(tmp_path)}
    with pytest.raises(KilledError), listening(kill):
        train(examples_with_boxes, **settings)
    tasks: list[str] = []
    with listening(lambda progress: tasks.append(progress.task)):
        model, run = train(examples_with_boxes, **settings)
    assert tasks[0] == "training the detector, epoch 3/4"
    assert not list(tmp_path.iterdir())
    whole, whole_run = train(examples_with_boxes, epochs=4)
    histories = [json.loads((folder / HISTORY_JSON).read_text()) for folder in (run, whole_run)]
    np.testing.assert_allclose(histories[0]["loss"], histories[1]["loss"], rtol=1e-4)
    ours, theirs = (read_layer_weights(Path(artifact.uri) / LAYER_WEIGHTS_FILE) for artifact in (model, whole))
    np.testing.assert_allclose(ours["block5_conv3"][0], theirs["block5_conv3"][0], rtol=1e-3, atol=1e-5)


@pytest.mark.slow
def test_with_zero_epochs_the_initial_weights_are_exported(
    train: Callable[..., Any], trained: tuple[Any, Path], examples_with_boxes: Any
) -> None:
    weights = Path(trained[0].uri) / LAYER_WEIGHTS_FILE
    model, run = train(examples_with_boxes, epochs=0, weights=str(weights))
    report = json.loads((run / DETECTOR_WEIGHTS_FILE).read_text())
    assert (report["missing"], report["unused"], report["other_shape"]) == ([], [], {})
    assert json.loads((run / DETECTION_FILE).read_text()) == json.loads((trained[1] / DETECTION_FILE).read_text())
    assert (Path(model.uri) / LAYER_WEIGHTS_FILE).is_file()


def test_the_error_of_a_diverged_training_names_the_detectors_settings(
    train: Callable[..., Any], examples_with_boxes: Any
) -> None:
    with pytest.raises(TrainingError, match=r"lower detector\.learning_rate, .* or detector\.batch_norm\w+=true$"):
        train(examples_with_boxes, epochs=3, learning_rate=1e30, optimizer="sgd", batch_normalization=False)


def test_records_without_boxes_are_refused(train: Callable[..., Any], examples: Any) -> None:
    with pytest.raises(ValueError, match="contain no boxes"):
        train(examples, epochs=1)
