"""A devkit with classes of its own and RGB masks: from its masks to a model, its figures and its predictions."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import yaml
from PIL import Image
from rich.console import Console

from components.saved_model.description import read_description
from pipeline.cli import main
from pipeline.config.loading import load_config
from pipeline.config.problems import ConfigError
from tests.field_devkit import FIELD, write_field_devkit
from tfds_voc_seg.label_set_files import LABELS_FILE, write_label_set

if TYPE_CHECKING:
    from collections.abc import Callable

    from tfds_voc_seg.label_set import LabelSet

SIZE = 32
NETWORK = "tests.components.networks.tiny_network:build"
WITHOUT_BACKGROUND = dataclasses.replace(FIELD, background=None)


def _preset(folder: Path, devkit: Path, **data: Any) -> Path:
    settings = {
        "name": "fields",
        "output": str(folder / "run"),
        "data": {"devkit": str(devkit), "image_size": SIZE, "num_shards": 1, **data},
        "training": {"epochs": 1, "batch_size": 4, "learning_rate": 0.02},
        "candidates": {"tiny": {"network": NETWORK, "options": {"dropout": 0.0}}},
    }
    file = folder / "fields.yaml"
    file.write_text(yaml.safe_dump(settings))
    return file


def _train(preset: Path, folder: Path, make_artifact: Callable[..., Any]) -> Path:
    """Converts the devkit and trains the candidate as the nodes of the pipeline do; returns the SavedModel."""
    from tfx import types
    from tfx.types import standard_artifacts
    from tfx.utils import path_utils

    from components.segmentation_trainer import executor as trainer
    from components.segmentation_trainer.component import SegmentationTrainer
    from components.voc_example_gen import executor as converter
    from components.voc_example_gen.component import VocExampleGen

    config = load_config(str(preset))
    generator = VocExampleGen(config.data.devkit, config.data.record, conversion_config=config.data.conversion)
    examples = make_artifact("Examples", folder / "examples")
    converter.Executor().Do({}, {"examples": [examples]}, generator.exec_properties)
    candidate = config.candidates["tiny"]
    component = SegmentationTrainer(
        types.Channel(type=standard_artifacts.Examples), "tiny", NETWORK, candidate.options, candidate.training
    )
    outputs = {
        "model": [make_artifact("Model", folder / "model")],
        "model_run": [make_artifact("ModelRun", folder / "model_run")],
    }
    trainer.Executor().Do({"examples": [examples]}, outputs, component.exec_properties)
    return Path(path_utils.serving_model_dir(str(folder / "model")))


def _evaluate(model: Path, devkit: Path) -> dict[str, Any]:
    from pipeline.display.live import Display
    from pipeline.evaluation import evaluate_models

    (evaluation,) = evaluate_models([str(model)], str(devkit), Display(Console(file=io.StringIO())))
    return evaluation


@pytest.mark.parametrize(
    ("labels", "classes", "names", "ids"),
    [
        pytest.param(FIELD, None, ("soil", "crop", "weed"), (4, 9, 200), marks=pytest.mark.slow),
        pytest.param(FIELD, [{"plant": ["weed", "crop"]}], ("soil", "plant"), (4, 200), marks=pytest.mark.slow),
        (WITHOUT_BACKGROUND, ["weed", "soil", "crop"], ("weed", "soil", "crop"), (200, 4, 9)),
    ],
)
def test_names_ids_and_colours_reach_figures_and_predictions(
    labels: LabelSet,
    classes: list[Any] | None,
    names: tuple[str, ...],
    ids: tuple[int, ...],
    tmp_path: Path,
    make_artifact: Callable[..., Any],
) -> None:
    devkit = tmp_path / "fields"
    write_field_devkit(devkit, labels)
    assert main(["data", "check", str(devkit)]) == 0
    model = _train(_preset(tmp_path, devkit, classes=classes), tmp_path, make_artifact)
    assert json.loads((tmp_path / "examples/record_config.json").read_text())["labels"]["names"] == list(labels.names)
    channels = read_description(str(model)).channels
    assert (channels.names, channels.ids, channels.background) == (names, ids, labels.background)

    evaluation = _evaluate(model, devkit)
    (figures,) = evaluation["candidates"].values()
    assert list(figures["per_class_iou"]) == list(names)
    assert evaluation["labels"]["background"] == labels.background

    photo = devkit / "JPEGImages/val_0.jpg"
    assert main(["predict", str(model), str(photo), "--output", str(tmp_path / "predictions")]) == 0
    with Image.open(tmp_path / "predictions/class_maps/val_0.png") as mask:
        assert set(np.unique(np.asarray(mask)).tolist()) <= set(ids)
        palette = np.array(mask.getpalette()).reshape(-1, 3)
    for id_, color in zip(ids, channels.colors, strict=True):
        assert palette[id_].tolist() == list(color)
        assert color in labels.colors


def test_a_label_set_of_another_devkit_is_used_by_name(tmp_path: Path) -> None:
    devkit = tmp_path / "fields"
    write_field_devkit(devkit)
    (devkit / LABELS_FILE).rename(tmp_path / "own.yaml")
    with pytest.raises(ConfigError, match="unknown class 'weed'; allowed are aeroplane"):
        load_config(str(_preset(tmp_path, devkit, classes=["weed"])))
    named = load_config(str(_preset(tmp_path, devkit, classes=["weed"], labels=str(tmp_path / "own.yaml"))))
    assert named.data.class_names == ("soil", "weed")
    assert main(["data", "check", str(devkit)]) == 1
    assert main(["data", "check", str(devkit), "--labels", str(tmp_path / "own.yaml")]) == 0


def test_a_devkit_with_other_classes_than_vocs_is_not_read_as_voc(
    tmp_path: Path, make_artifact: Callable[..., Any]
) -> None:
    from tfds_voc_seg.devkit.problems import DevkitError

    devkit = tmp_path / "fields"
    write_field_devkit(devkit)
    (devkit / LABELS_FILE).unlink()
    preset = _preset(tmp_path, devkit, classes=["car"])
    config = load_config(str(preset))
    write_label_set(FIELD, devkit)  # as in an object store, where it is seen only during the conversion

    from components.voc_example_gen import executor
    from components.voc_example_gen.component import VocExampleGen

    generator = VocExampleGen(config.data.devkit, config.data.record)
    examples = make_artifact("Examples", tmp_path / "examples")
    with pytest.raises(DevkitError, match=r"labels.yaml describes the classes crop, soil, weed .*set data.labels="):
        executor.Executor().Do({}, {"examples": [examples]}, generator.exec_properties)


@pytest.mark.slow
def test_from_rgb_masks_to_the_published_model(tmp_path: Path) -> None:
    from pipeline.display.live import Display
    from pipeline.local.runner import run_locally

    devkit = tmp_path / "fields"
    write_field_devkit(devkit, train_images=24, val_images=8)
    config = load_config(str(_preset(tmp_path, devkit, void="background")), overrides=["training.epochs=30"])
    summary = run_locally(config, Display(Console(file=io.StringIO())))
    assert summary["published"], summary["reason"]
    assert summary["void"] == "background"
    assert not [finding for finding in summary["anomalies"] if finding["severity"] == "error"]
    assert summary["candidates"]["tiny"]["mean_iou"] > 0.5

    evaluation = _evaluate(tmp_path / "run", devkit)
    (figures,) = evaluation["candidates"].values()
    assert figures["mean_iou"] == pytest.approx(summary["candidates"]["tiny"]["mean_iou"], abs=1e-6)
    assert evaluation["void"] == "background"

    page = (tmp_path / "run/report/index.html").read_text()
    assert "#00b43c" in page  # the colour of crop
    assert "The figures count void pixels as background." in page
    (card,) = (tmp_path / "run/serving").glob("*/assets.extra/model_card.md")
    assert "photos like those of its devkit that show crop, weed; it treats everything else as soil" in card.read_text()
    assert main(["predict", str(tmp_path / "run"), str(devkit / "JPEGImages"), "--output", str(tmp_path / "out")]) == 0
    with Image.open(tmp_path / "out/class_maps/val_0.png") as mask:
        assert set(np.unique(np.asarray(mask)).tolist()) == set(FIELD.ids)
