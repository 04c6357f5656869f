"""SegmentationEvaluator on real SavedModels that always predict the same class, so that the metrics are known."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel
from tfx import types
from tfx.types import standard_artifacts
from tfx.utils import path_utils

from components.artifacts.records import read_records
from components.metrics import METRIC_NAMES
from components.metrics.counts import confusion_of, from_sparse
from components.segmentation_evaluator.component import SegmentationEvaluator
from tests.conftest import CLASSES, IMAGE_SIZE, TRAIN_IMAGES, VAL_IMAGES
from tfds_voc_seg.class_maps import class_map
from tfds_voc_seg.devkit.pairs import read_mask
from tfds_voc_seg.devkit.splits import read_splits
from tfds_voc_seg.label_set import VOC_LABELS
from tfds_voc_seg.pictures import class_colour
from tfds_voc_seg.record_config import RecordConfig
from tfds_voc_seg.records.decoding import class_map_from_one_hot, parse_record

if TYPE_CHECKING:
    from numpy.typing import NDArray

CLASS_NAMES = ("background", *CLASSES)
ModelOf = Callable[..., Any]


def true_pixels(examples: Any) -> NDArray[np.int64]:
    """Counts the pixels of each class in the val split from the records."""
    records = read_records(examples)
    masks = [
        class_map_from_one_hot(parse_record(record, IMAGE_SIZE, len(CLASS_NAMES))[1]).numpy()
        for record in tf.data.TFRecordDataset(records.files["val"])
    ]
    return np.bincount(np.concatenate(masks).ravel(), minlength=256)[: len(CLASS_NAMES)]


def test_all_models_are_evaluated_exactly_on_the_same_pixels(
    evaluated: tuple[Any, dict[str, Any]], examples: Any
) -> None:
    _, result = evaluated
    pixels = true_pixels(examples)
    assert (pixels > 0).all()
    for name, always in (("ground", 0), ("cars", 3), ("baseline", 1)):
        figures, share = result["candidates"][name], pixels[always] / pixels.sum()
        assert figures["pixel_accuracy"] == pytest.approx(share, abs=1e-12)
        assert figures["mean_iou"] == pytest.approx(share / len(CLASS_NAMES), abs=1e-12)
        assert figures["per_class_iou"][CLASS_NAMES[always]] == pytest.approx(share, abs=1e-12)
        assert np.array_equal(np.sum(figures["confusion_matrix"], axis=1), pixels)
        assert (figures["parameters"], figures["train_seconds"]) == (100, 1.5)
    assert result["baseline"] == result["candidates"]["cars"]
    assert result["baseline_problem"] is None


def test_records_with_a_test_split_are_evaluated_on_it(partly_evaluated: dict[str, Any]) -> None:
    assert (partly_evaluated["split"], partly_evaluated["images"]) == ("test", TRAIN_IMAGES)


def test_tfma_reports_the_same_metrics(evaluated: tuple[Any, dict[str, Any]]) -> None:
    import tensorflow_model_analysis as tfma

    evaluation, result = evaluated
    found: dict[tuple[str, str, str], dict[str, float]] = {}
    for metrics in tfma.load_metrics(evaluation.uri):
        (slice_name,) = [key.bytes_value.decode() for key in metrics.slice_key.single_slice_keys] or [""]
        for entry in metrics.metric_keys_and_values:
            key = (slice_name, entry.key.model_name, entry.key.output_name)
            found.setdefault(key, {})[entry.key.name] = entry.value.double_value.value
    for name, figures in result["candidates"].items():
        for slice_name, size, expected in (
            ("", "network", figures),
            ("", "original", figures["original_size"]),
            ("car", "network", figures["slices"]["class present"]["car"]),
        ):
            values = found[slice_name, name, size]
            for figure in METRIC_NAMES:
                assert values[figure] == expected[figure]
            assert values["images"] == expected["images"]
            assert values["iou/car"] == expected["per_class_iou"]["car"]


def test_metrics_at_the_original_size_use_the_devkits_masks(
    evaluated: tuple[Any, dict[str, Any]], devkit: Path
) -> None:
    _, result = evaluated
    config, pixels = RecordConfig(IMAGE_SIZE, CLASSES), np.zeros(256, int)
    for pair in read_splits(devkit)["val"].pairs:
        pixels += np.bincount(class_map(read_mask(pair, VOC_LABELS), config).ravel(), minlength=256)
    original = result["candidates"]["cars"]["original_size"]
    np.testing.assert_array_equal(np.sum(original["confusion_matrix"], axis=1), pixels[: len(CLASS_NAMES)])
    assert original["per_class_iou"]["car"] == pytest.approx(pixels[3] / pixels[: len(CLASS_NAMES)].sum(), abs=1e-12)
    assert result["original_size_problem"] is None


def test_without_the_devkit_metrics_exist_only_at_the_networks_size(partly_evaluated: dict[str, Any]) -> None:
    assert partly_evaluated["candidates"]["cars"]["mean_iou"] > 0
    assert partly_evaluated["candidates"]["cars"]["original_size"] is None
    assert partly_evaluated["original_size_problem"] == "no devkit with the original masks is configured"


@pytest.mark.slow
def test_with_a_missing_devkit_metrics_exist_only_at_the_networks_size(
    evaluate: Callable[..., Any], published: Callable[[Path], Any], model_of: ModelOf, tmp_path: Path
) -> None:
    _, result = evaluate({"cars": model_of(3)}, published(tmp_path / "none"), tmp_path / "gone")
    assert result["candidates"]["cars"]["original_size"] is None
    assert "is not a VOC devkit" in result["original_size_problem"]


def test_each_image_and_slice_is_counted_and_has_pictures(evaluated: tuple[Any, dict[str, Any]]) -> None:
    artifact, result = evaluated
    rows = [json.loads(line) for line in (Path(artifact.uri) / "images.jsonl").read_text().splitlines()]
    assert result["images"] == len(rows) == VAL_IMAGES
    figures = result["candidates"]["cars"]
    total = np.sum([from_sparse(row["counts"]["cars"]["network"], len(CLASS_NAMES)) for row in rows], axis=0)
    assert confusion_of(total).tolist() == figures["confusion_matrix"]
    low, high = figures["mean_iou_interval"]
    assert low <= figures["mean_iou"] <= high

    for images_of_slice in figures["slices"].values():
        assert images_of_slice
    for feature in ("share of foreground", "image size"):
        assert sum(values["images"] for values in figures["slices"][feature].values()) == VAL_IMAGES
    difference = result["differences"]["cars"]["ground"]
    assert difference["mean_iou"] == figures["mean_iou"] - result["candidates"]["ground"]["mean_iou"]
    assert difference["interval"][0] <= difference["mean_iou"] <= difference["interval"][1]
    assert difference["interval"] == [-end for end in reversed(result["differences"]["ground"]["cars"]["interval"])]

    doubtful = result["doubtful_masks"]
    assert doubtful["model"] == max(result["candidates"], key=lambda name: result["candidates"][name]["mean_iou"])
    for image_id in doubtful["pictures"]:
        assert (Path(artifact.uri) / "examples" / image_id / f"{doubtful['model']}.png").is_file()

    ranks = [example["rank"] for example in result["examples"]]
    assert set(ranks) == {"best", "median", "worst"}
    assert len({example["image_id"] for example in result["examples"]}) == len(ranks) == VAL_IMAGES
    for example in result["examples"]:
        folder = Path(artifact.uri) / "examples" / example["image_id"]
        with Image.open(folder / "photo.png") as photo, Image.open(folder / "truth.png") as truth:
            assert (photo.mode, photo.size, truth.mode, truth.size) == (
                "RGB",
                (IMAGE_SIZE,) * 2,
                "P",
                (IMAGE_SIZE,) * 2,
            )
            (row,) = (row for row in rows if row["image_id"] == example["image_id"])
            counted = from_sparse(row["counts"]["cars"]["network"], len(CLASS_NAMES))
            expected = np.bincount(np.asarray(truth).ravel(), minlength=256)[: len(CLASS_NAMES)]
            np.testing.assert_array_equal(confusion_of(counted).sum(axis=1), expected)
        with Image.open(folder / "cars.png") as predicted:
            assert set(np.unique(np.asarray(predicted))) == {3}
            palette = predicted.getpalette()
            assert palette is not None
            assert palette[9:12] == list(class_colour("car", VOC_LABELS))


@pytest.mark.slow
def test_a_model_in_service_with_other_classes_is_reported_and_not_compared(
    evaluate: Callable[..., Any], published: Callable[[Path], Any], model_of: ModelOf, tmp_path: Path
) -> None:
    serving = tmp_path / "serving"
    other = model_of(0, class_names=("background", "dog"))
    shutil.copytree(path_utils.serving_model_dir(other.uri), serving / "1")
    _, result = evaluate({"ground": model_of(0)}, published(serving))
    assert result["baseline"] is None
    assert "has the classes background, dog, but the records have" in result["baseline_problem"]


def test_a_model_in_service_without_description_is_reported_and_not_compared(partly_evaluated: dict[str, Any]) -> None:
    assert partly_evaluated["baseline"] is None
    assert "the model in service cannot be evaluated" in partly_evaluated["baseline_problem"]


@pytest.mark.slow
def test_a_model_in_service_without_variables_is_reported_and_not_compared(
    evaluate: Callable[..., Any], published: Callable[[Path], Any], model_of: ModelOf, tmp_path: Path
) -> None:
    serving = tmp_path / "serving"
    shutil.copytree(path_utils.serving_model_dir(model_of(0).uri), serving / "1")
    (serving / "1/variables/variables.index").unlink()
    _, result = evaluate({"ground": model_of(0)}, published(serving))
    assert result["baseline"] is None
    assert "the model in service cannot be evaluated" in result["baseline_problem"]


def test_a_model_in_service_that_could_reach_files_is_reported_and_not_loaded(
    evaluate: Callable[..., Any], published: Callable[[Path], Any], model_of: ModelOf, tmp_path: Path
) -> None:
    serving = tmp_path / "serving"
    shutil.copytree(path_utils.serving_model_dir(model_of(0).uri), serving / "1")
    file = serving / "1" / "saved_model.pb"
    graph = SavedModel.FromString(file.read_bytes())
    graph.meta_graphs[0].graph_def.node.add(name="steal", op="ReadFile")
    file.write_bytes(graph.SerializeToString())
    _, result = evaluate({"ground": model_of(0)}, published(serving), failed={"ground"})
    assert result["baseline"] is None
    expected = "the model in service cannot be evaluated (it holds operations that could reach files, .* ReadFile; use"
    assert re.match(expected.replace("(", r"\("), result["baseline_problem"])


@pytest.mark.slow
def test_a_model_in_service_with_another_input_size_is_compared(
    evaluate: Callable[..., Any], published: Callable[[Path], Any], model_of: ModelOf, tmp_path: Path
) -> None:
    serving = tmp_path / "serving"
    shutil.copytree(path_utils.serving_model_dir(model_of(3, image_size=48).uri), serving / "1")
    _, result = evaluate({"cars": model_of(3)}, published(serving))
    assert result["baseline_problem"] is None
    assert result["baseline"]["confusion_matrix"] == result["candidates"]["cars"]["confusion_matrix"]
    assert result["baseline"]["original_size"] == result["candidates"]["cars"]["original_size"]


def test_a_model_in_service_that_is_a_candidate_is_loaded_once_with_it(
    evaluate: Callable[..., Any],
    published: Callable[[Path], Any],
    model_of: ModelOf,
    tmp_path: Path,
    loaded: list[str],
) -> None:
    serving = tmp_path / "serving"
    shutil.copytree(path_utils.serving_model_dir(model_of(3).uri), serving / "1")
    _, result = evaluate({"cars": model_of(3)}, published(serving))
    assert len(loaded) == 1  # in the Beam job, which runs in this process; the pictures are made with the same model
    assert result["baseline_problem"] is None
    assert result["baseline"]["mean_iou"] == result["candidates"]["cars"]["mean_iou"]


def test_the_reason_for_each_candidate_that_is_not_evaluated_is_reported(partly_evaluated: dict[str, Any]) -> None:
    assert list(partly_evaluated["candidates"]) == ["cars"]
    assert partly_evaluated["not_evaluated"]["ground"].startswith("the model cannot be evaluated: ")
    assert partly_evaluated["not_evaluated"]["broken"] == "the smoke test failed: load: no"
    assert {*partly_evaluated["differences"]} == {"cars"}


def test_without_a_valid_candidate_the_evaluation_is_empty(
    evaluate: Callable[..., Any], published: Callable[[Path], Any], model_of: ModelOf, tmp_path: Path
) -> None:
    _, result = evaluate({"ground": model_of(0)}, published(tmp_path / "none"), failed={"ground"})
    assert (result["candidates"], result["baseline"], result["examples"]) == ({}, None, [])
    assert result["not_evaluated"] == {"ground": "the smoke test failed: load: no"}


def test_the_metric_works_in_tfx_evaluator(
    evaluated: tuple[Any, dict[str, Any]],
    model_of: ModelOf,
    examples: Any,
    make_artifact: Callable[..., Any],
    tmp_path: Path,
) -> None:
    """The setup of `docs/serving.md`: label and prediction come from the model's signature on records."""
    import tensorflow_model_analysis as tfma
    from tfx.components.evaluator import executor as tfx_evaluator
    from tfx.utils import proto_utils

    config = tfma.EvalConfig(
        model_specs=[
            tfma.ModelSpec(
                signature_name="segment_examples",
                prediction_key="class_map",
                label_key="label",
                preprocessing_function_names=["segment_examples"],
            )
        ],
        metrics_specs=[
            tfma.MetricsSpec(
                metrics=[
                    tfma.MetricConfig(
                        class_name="SegmentationMetrics",
                        module="components.segmentation_evaluator.metrics",
                        config=json.dumps({"class_names": CLASS_NAMES}),
                    )
                ]
            )
        ],
        slicing_specs=[tfma.SlicingSpec()],
    )
    output = {
        "evaluation": [make_artifact("ModelEvaluation", tmp_path / "tfx_evaluation")],
        "blessing": [make_artifact("ModelBlessing", tmp_path / "tfx_blessing")],
    }
    context = tfx_evaluator.Executor.Context(
        beam_pipeline_args=["--runner=DirectRunner", "--allow_unsafe_triggers"], tmp_dir=str(tmp_path), unique_id="1"
    )
    tfx_evaluator.Executor(context).Do(
        {"examples": [examples], "model": [model_of(3)]},
        output,
        {
            "eval_config": proto_utils.proto_to_json(config),
            "example_splits": '["val"]',
            "fairness_indicator_thresholds": "null",
        },
    )
    (metrics,) = tfma.load_metrics(str(tmp_path / "tfx_evaluation"))
    found = {entry.key.name: entry.value.double_value.value for entry in metrics.metric_keys_and_values}
    expected = evaluated[1]["candidates"]["cars"]
    assert found["images"] == VAL_IMAGES
    for figure in METRIC_NAMES:
        assert found[figure] == pytest.approx(expected[figure], abs=1e-12)
    assert found["iou/car"] == pytest.approx(expected["per_class_iou"]["car"], abs=1e-12)


def test_masks_without_the_configuration_of_the_records_are_refused() -> None:
    model, examples, smoke_test = (
        types.Channel(type=getattr(standard_artifacts, name)) for name in ("Model", "Examples", "ModelEvaluation")
    )
    with pytest.raises(ValueError, match="devkit requires record_config"):
        SegmentationEvaluator(examples, {"fcn8": model}, smoke_test, model, devkit="VOC2012")
