"""The evaluation of SavedModels, on real models and a drawn devkit."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from components.training.input_pipeline import count_records
from tests.conftest import CLASSES, IMAGE_SIZE, VAL_IMAGES
from tests.pipeline.engines.targets import add_target
from tests.pipeline.random_model import export_random_model
from tests.split_lists import move_to_test_split
from tfds_voc_seg.class_maps import class_map, resize_class_map
from tfds_voc_seg.devkit.pairs import read_pair
from tfds_voc_seg.devkit.problems import DevkitError
from tfds_voc_seg.devkit.splits import read_splits
from tfds_voc_seg.label_set import VOC_LABELS
from tfds_voc_seg.record_config import RecordConfig

Evaluate = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def evaluate(devkit: Path) -> Evaluate:
    from pipeline.display.live import Display
    from pipeline.evaluation import evaluate_models

    def run(*models: Path | str, **options: Any) -> list[dict[str, Any]]:
        display = Display(Console(file=io.StringIO()))
        return evaluate_models([*map(str, models)], options.pop("devkit", str(devkit)), display, **options)

    return run


@pytest.fixture
def serving_model_dir(model_of: Callable[..., Any]) -> Callable[..., Path]:
    from tfx.utils import path_utils

    return lambda *arguments, **options: Path(path_utils.serving_model_dir(model_of(*arguments, **options).uri))


def test_models_are_measured_with_the_pipelines_metrics(
    evaluate: Evaluate, serving_model_dir: Callable[..., Path], devkit: Path, tmp_path: Path
) -> None:
    for version, always in (("3", 0), ("20", 3)):
        shutil.copytree(serving_model_dir(always), tmp_path / "demo/serving" / version)
    other = serving_model_dir(1, ("background", "car"))
    together, alone = evaluate(
        tmp_path / "demo", tmp_path / "demo/serving/3", other, output=str(tmp_path / "figures"), split="val"
    )
    assert (list(together["candidates"]), together["images"]) == (["demo-20", "demo-3"], VAL_IMAGES)
    assert len(alone["candidates"]) == 1
    assert set(together["differences"]["demo-20"]) == {"demo-3"}

    config, pixels = RecordConfig(IMAGE_SIZE, CLASSES), np.zeros(256, int)
    for pair in read_splits(devkit)["val"].pairs:
        classes = resize_class_map(class_map(read_pair(pair, VOC_LABELS)[1], config), IMAGE_SIZE)
        pixels += np.bincount(classes.ravel(), minlength=256)
    iou = pixels[3] / pixels[: len(CLASSES) + 1].sum()
    assert together["candidates"]["demo-20"]["per_class_iou"]["car"] == pytest.approx(iou, abs=1e-12)
    assert together["candidates"]["demo-20"]["original_size"]["per_class_iou"]["car"] > 0
    (folder, _) = sorted((tmp_path / "figures").iterdir(), key=lambda path: path.name[-1])
    assert json.loads((folder / "evaluation.json").read_text())["candidates"] == together["candidates"]
    assert len(list((folder / "examples").iterdir())) == len(together["examples"])


@pytest.mark.slow
def test_litert_has_the_figures_of_tensorflow(evaluate: Evaluate, tmp_path: Path) -> None:
    add_target(export_random_model(tmp_path / "run/serving/7"))
    (by_tensorflow,), (by_litert,) = (evaluate(tmp_path / "run", engine=name) for name in ("tensorflow", "litert"))
    assert [*by_tensorflow["candidates"]] == [*by_litert["candidates"]] == ["run-7"]
    expected, found = (each["candidates"]["run-7"] for each in (by_tensorflow, by_litert))
    assert found["mean_iou"] == pytest.approx(expected["mean_iou"], abs=1e-3)
    assert found["original_size"]["mean_iou"] == pytest.approx(expected["original_size"]["mean_iou"], abs=1e-3)


@pytest.mark.slow
def test_images_without_the_classes_can_be_skipped(
    evaluate: Evaluate, serving_model_dir: Callable[..., Path], devkit: Path
) -> None:
    model = serving_model_dir(1, ("background", "bottle"))
    (everything,), (with_bottles,) = evaluate(model, split="train"), evaluate(model, split="train", drop_empty=True)
    assert 0 < with_bottles["images"] < everything["images"] == len(read_splits(devkit)["train"].pairs)
    assert [*with_bottles["candidates"]] == ["Format-Serving"]


@pytest.mark.slow
def test_the_test_split_is_measured_if_the_devkit_has_one(
    evaluate: Evaluate, serving_model_dir: Callable[..., Path], own_devkit: Path
) -> None:
    with pytest.raises(DevkitError, match=r"has no test split: .*test.txt is missing, or no image"):
        evaluate(serving_model_dir(1), devkit=str(own_devkit), split="test")
    move_to_test_split(own_devkit, 1)
    (by_default,), (on_val,) = (
        evaluate(serving_model_dir(1), devkit=str(own_devkit), split=split) for split in (None, "val")
    )
    assert (by_default["split"], by_default["images"]) == ("test", 1)
    assert (on_val["split"], on_val["images"]) == ("val", 2)


def test_a_split_without_any_of_the_classes_is_an_error(
    evaluate: Evaluate, serving_model_dir: Callable[..., Path]
) -> None:
    from pipeline.evaluation import EvaluateError

    with pytest.raises(EvaluateError, match=r"no image of the val split .* contains any of sheep: omit --drop-empty"):
        evaluate(serving_model_dir(1, ("background", "sheep")), drop_empty=True)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            "nothing",
            "holds no model: name a SavedModel, a publishing folder of versions, or the output folder of a run",
        ),
        ("strange", "cannot be evaluated: .* is not a model of this project"),
        ("other_classes", "cannot be evaluated: unknown class 'zebra'"),
        ("untrusted", "cannot be evaluated: it holds operations .*: WriteFile; use it with --trust-model"),
    ],
)
def test_an_unusable_model_is_named(
    model: str, message: str, evaluate: Evaluate, serving_model_dir: Callable[..., Path], tmp_path: Path
) -> None:
    from pipeline.evaluation import EvaluateError

    shutil.copytree(serving_model_dir(0), tmp_path / "strange")
    (tmp_path / "strange/assets/segmentation.json").unlink()
    shutil.copytree(serving_model_dir(0, ("background", "zebra")), tmp_path / "other_classes")
    shutil.copytree(serving_model_dir(0), tmp_path / "untrusted")
    addition = SavedModel()
    addition.meta_graphs.add().graph_def.node.add(name="write", op="WriteFile")
    with (tmp_path / "untrusted/saved_model.pb").open("ab") as file:
        file.write(addition.SerializeToString())  # protobuf joins the parts
    with pytest.raises(EvaluateError, match=message):
        evaluate(tmp_path / model)


def test_an_unusable_devkit_is_an_error(
    evaluate: Evaluate, serving_model_dir: Callable[..., Path], own_devkit: Path, tmp_path: Path
) -> None:
    with pytest.raises(DevkitError, match="is not a VOC devkit"):
        evaluate(serving_model_dir(0), devkit=str(tmp_path / "nowhere"))
    Path(read_splits(own_devkit)["val"].pairs[0].photo).unlink()
    with pytest.raises(
        DevkitError, match=r"the val split .* cannot be used; fix .*--on-bad-pair skip\):\n .*is missing; restore"
    ):
        evaluate(serving_model_dir(0), devkit=str(own_devkit))


def test_bad_pairs_can_be_skipped(
    evaluate: Evaluate,
    serving_model_dir: Callable[..., Path],
    own_devkit: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bad = read_splits(own_devkit)["val"].pairs[0]
    Path(bad.mask).write_bytes(b"no mask")
    options = {"devkit": str(own_devkit), "output": str(tmp_path / "out")}
    with pytest.raises(
        DevkitError, match=rf"skip them \(--on-bad-pair skip\):\n  {bad.image_id}: .* cannot be read as"
    ):
        evaluate(serving_model_dir(0), **options)
    (evaluation,) = evaluate(serving_model_dir(0), on_bad_pair="skip", **options)
    assert evaluation["images"] == 1
    assert [problem["image_id"] for problem in evaluation["rejected"]] == [bad.image_id]
    assert (tmp_path / "out/rejects.jsonl").read_text().count("\n") == 1
    # Another split has no bad pairs; its records are counted, not evaluated.
    monkeypatch.setattr(
        "pipeline.evaluation.run_evaluation",
        lambda spec, _, split, __: {"split": split, "images": count_records(spec.files)},
    )
    (evaluation,) = evaluate(serving_model_dir(0), devkit=str(own_devkit), on_bad_pair="skip", split="train")
    assert evaluation == {"split": "train", "images": 4, "rejected": []}
