"""DataValidator on real records, with real statistics and TFX's own ExampleValidator; tests damage the records."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tensorflow as tf
from tfx import types
from tfx.components.example_validator import executor as example_validator_executor
from tfx.components.statistics_gen import executor as statistics_gen_executor
from tfx.types import artifact_utils, standard_artifacts
from tfx.version import __version__ as tfx_version

from components.artifacts.records import read_records
from components.curated_schema import executor as schema_executor
from components.curated_schema.component import CuratedSchema
from components.curated_schema.schema import curated_schema
from components.data_validator import executor
from components.data_validator.checks import (
    images_by_class,
)
from components.data_validator.component import DataValidator
from components.data_validator.findings import DataValidationError
from components.data_validator.validation_config import ValidationConfig
from components.manifest import write_manifest
from components.run_files import DATA_SUMMARY_FILE, VALIDATION_FILE
from pipeline.pipeline import TABULAR_FEATURES
from tests.conftest import CLASSES, IMAGE_SIZE, VAL_IMAGES
from tfds_voc_seg.label_set import label_set_of_names
from tfds_voc_seg.records.pixel_counts import count_pixels

if TYPE_CHECKING:
    from collections.abc import Callable

CLASS_NAMES = ("background", *CLASSES)
BEAM_ARGS = ["--runner=DirectRunner", "--allow_unsafe_triggers"]
Records = dict[str, list[tf.train.Example]]
"""Split → its records."""


@pytest.fixture
def records(examples: Any) -> Records:
    """The records of the shared fixture as protocol buffers, which a test may change."""
    return {
        split: [tf.train.Example.FromString(record.numpy()) for record in tf.data.TFRecordDataset(files)]
        for split, files in read_records(examples).files.items()
    }


@pytest.fixture
def validate(tmp_path: Path, examples: Any, make_artifact: Callable[..., Any]) -> Callable[..., list[dict[str, Any]]]:
    """Runs CuratedSchema, StatisticsGen, ExampleValidator and DataValidator; returns the findings in the artifact.

    Without `on_beam` the statistics are computed by StatisticsGen's generators, but in this process: Beam takes longer
    than everything else together.
    """

    def artifact(artifact_type: str, name: str) -> Any:
        made = make_artifact(artifact_type, tmp_path / name)
        made.set_string_custom_property(artifact_utils.ARTIFACT_TFX_VERSION_CUSTOM_PROPERTY_KEY, tfx_version)
        return made

    def run(records: Records, *, on_beam: bool = False, **settings: Any) -> list[dict[str, Any]]:
        changed, schema, statistics = (
            artifact(*names)
            for names in (("Examples", "examples"), ("Schema", "schema"), ("ExampleStatistics", "statistics"))
        )
        changed.split_names = artifact_utils.encode_split_names(list(records))
        for split, split_records in records.items():
            folder = Path(artifact_utils.get_split_uri([changed], split))
            folder.mkdir(parents=True)
            with tf.io.TFRecordWriter(str(folder / f"voc-{split}.tfrecord-00000-of-00001")) as writer:
                for record in split_records:
                    writer.write(record.SerializeToString())
        for file in Path(examples.uri).iterdir():
            if file.is_file():  # features.json and the class names
                shutil.copy(file, tmp_path / "examples")
        write_manifest(tmp_path / "examples")

        import tensorflow_data_validation as tfdv
        from tensorflow_data_validation.statistics.stats_impl import generate_statistics_in_memory
        from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

        curated = CuratedSchema(curated_schema(CLASS_NAMES, IMAGE_SIZE**2))
        schema_executor.Executor().Do({}, {"schema": [schema]}, curated.exec_properties)
        options = tfdv.StatsOptions(feature_allowlist=list(TABULAR_FEATURES))
        if on_beam:
            context = statistics_gen_executor.Executor.Context(beam_pipeline_args=BEAM_ARGS, tmp_dir=str(tmp_path))
            statistics_gen_executor.Executor(context).Do(
                {"examples": [changed], "schema": [schema]},
                {"statistics": [statistics]},
                {"stats_options_json": options.to_json(), "exclude_splits": "[]"},
            )
        else:
            options.schema = curated_schema(CLASS_NAMES, IMAGE_SIZE**2)
            statistics.split_names = changed.split_names
            for split, split_records in records.items():
                batch = ExamplesToRecordBatchDecoder().DecodeBatch(
                    [record.SerializeToString() for record in split_records]
                )
                folder = Path(artifact_utils.get_split_uri([statistics], split))
                folder.mkdir(parents=True)
                content = generate_statistics_in_memory(batch, options).SerializeToString()
                (folder / statistics_gen_executor.DEFAULT_FILE_NAME).write_bytes(content)
        anomalies, validation = artifact("ExampleAnomalies", "anomalies"), artifact("ExampleAnomalies", "validation")
        example_validator_executor.Executor().Do(
            {"statistics": [statistics], "schema": [schema]}, {"anomalies": [anomalies]}, {"exclude_splits": "[]"}
        )
        component = DataValidator(
            types.Channel(type=standard_artifacts.ExampleStatistics),
            types.Channel(type=standard_artifacts.ExampleAnomalies),
            types.Channel(type=standard_artifacts.Examples),
            ValidationConfig(**settings),
        )
        executor.Executor().Do(
            {"statistics": [statistics], "anomalies": [anomalies], "examples": [changed]},
            {"validation": [validation]},
            component.exec_properties,
        )
        findings: list[dict[str, Any]] = json.loads((tmp_path / "validation" / VALIDATION_FILE).read_text())
        return findings

    return run


def numbers(record: tf.train.Example, feature: str) -> Any:
    """A feature's list of integers, which the caller may change."""
    return record.features.feature[feature].int64_list.value


def remove_class(record: tf.train.Example, class_id: int) -> None:
    """Changes a record's pixels of a class to background."""
    pixels = numbers(record, "class_pixels")
    pixels[0] += pixels[class_id]
    pixels[class_id] = 0
    numbers(record, "classes")[:] = [index for index, count in enumerate(pixels) if count]


def test_valid_records_have_no_findings_and_a_summary_of_each_split(
    validate: Callable[..., Any], records: Records, tmp_path: Path
) -> None:
    assert validate(records, on_beam=True, on_anomaly="stop") == []
    summary = json.loads((tmp_path / "validation" / DATA_SUMMARY_FILE).read_text())
    assert list(summary) == ["train", "val"]
    for split, split_records in records.items():
        found = summary[split]
        pixels = np.sum([numbers(record, "class_pixels") for record in split_records], axis=0)
        holding = [sum(index in numbers(record, "classes") for record in split_records) for index in range(6)]
        assert found["images"] == len(split_records)
        assert found["class_pixels"] == dict(zip(CLASS_NAMES, pixels.tolist(), strict=True))
        assert found["class_images"] == dict(zip(CLASS_NAMES, holding, strict=True))
        assert found["void_pixels"] == sum(numbers(record, "void_pixels")[0] for record in split_records)
        assert found["without_foreground"] == 0
        heights = [numbers(record, "height")[0] for record in split_records]
        assert (found["height"]["min"], found["height"]["max"]) == (min(heights), max(heights))


def test_a_split_without_images_is_reported_and_the_summary_omits_it_and_uncountable_pixels(
    validate: Callable[..., Any], records: Records, tmp_path: Path
) -> None:
    records["val"] = []
    numbers(records["train"][0], "class_pixels")[:] = [1]
    uncountable, empty = validate(records, on_beam=True)
    assert (uncountable["split"], uncountable["feature"]) == ("train", "class_pixels")
    assert (empty["split"], empty["what"]) == ("val", "the split has no images; add images to val.txt.")
    summary = json.loads((tmp_path / "validation" / DATA_SUMMARY_FILE).read_text())
    assert list(summary) == ["train"]
    assert summary["train"]["class_pixels"] is None
    assert summary["train"]["without_foreground"] is None


def test_an_absent_class_is_reported(validate: Callable[..., Any], records: Records) -> None:
    for record in records["val"]:
        remove_class(record, CLASS_NAMES.index("car"))
    found = [finding for finding in validate(records, max_without_foreground=1.0) if finding["feature"] == "classes"]
    assert found == [
        {
            "split": "val",
            "feature": "classes",
            "class": "car",
            "what": "class car occurs in none of the 5 images, so it cannot be learned or measured; if the masks "
            "show it, the label set gives it a wrong id or colour (see `vocseg data show`), otherwise add images of "
            "this class to val.txt, or remove it from data.classes.",
            "severity": "error",
        }
    ]


@pytest.mark.slow
def test_masks_without_foreground_are_reported_with_their_names(validate: Callable[..., Any], records: Records) -> None:
    emptied = records["train"][:2]
    for record in emptied:
        for class_id in range(1, len(CLASS_NAMES)):
            remove_class(record, class_id)
    names = sorted(record.features.feature["filename"].bytes_list.value[0].decode() for record in emptied)
    (finding,) = validate(records, min_images_of_class=0)
    assert (finding["split"], finding["feature"], finding["class"]) == ("train", "class_pixels", None)
    assert finding["what"] == (
        f"2 of 10 masks contain only background or void: {', '.join(names)}; correct the masks, exclude such "
        "images with data.drop_empty=true, or allow a share of them with validation.max_without_foreground."
    )


@pytest.mark.parametrize("split", [pytest.param("val", marks=pytest.mark.slow), "test"])
def test_a_class_with_different_pixel_shares_is_reported(
    split: str, validate: Callable[..., Any], records: Records
) -> None:
    person = CLASS_NAMES.index("person")
    same: Records = {"train": records["train"], "val": records["train"]} | {split: []}
    for record in records["train"]:
        changed = tf.train.Example.FromString(record.SerializeToString())
        pixels = numbers(changed, "class_pixels")
        taken = pixels[person] * 3 // 4
        pixels[person], pixels[0] = pixels[person] - taken, pixels[0] + taken
        same[split].append(changed)
    (finding,) = validate(same, drift_min_images=1)
    assert (finding["split"], finding["class"], finding["severity"]) == (split, "person", "warning")
    assert finding["what"].startswith("class person covers ")
    assert "% of the valid pixels in train but " in finding["what"]
    assert "the difference is 7" in finding["what"]
    assert "50% is allowed" in finding["what"]
    assert finding["what"].endswith("or raise validation.max_share_drift.")


def damage_class_id(record: tf.train.Example) -> None:
    numbers(record, "classes").append(len(CLASS_NAMES))


def damage_shape(record: tf.train.Example) -> None:
    numbers(record, "class_pixels").pop()


def damage_pixels(record: tf.train.Example) -> None:
    numbers(record, "class_pixels")[0] = IMAGE_SIZE**2 + 1


def damage_void(record: tf.train.Example) -> None:
    numbers(record, "void_pixels")[0] = -1


def damage_height(record: tf.train.Example) -> None:
    numbers(record, "height")[0] = 0


def damage_filename(record: tf.train.Example) -> None:
    del record.features.feature["filename"]


def damage_classes(record: tf.train.Example) -> None:
    del numbers(record, "classes")[:]


DAMAGES: dict[str, dict[str, tuple[Callable[[tf.train.Example], None], str, str]]] = {
    "train": {
        "class_pixels": (damage_pixels, "Unexpectedly large value: 1025", "each 0 to 1024"),
        "classes": (damage_classes, "Some examples have fewer values than expected", "1 to 6 class ids"),
    },
    "val": {
        "class_pixels": (damage_shape, "its value lengths vary", "6 numbers of pixels, each 0 to 1024"),
        "classes": (damage_class_id, "Unexpectedly large value: 6", "1 to 6 class ids, each 0 to 5"),
        "filename": (damage_filename, "present in fewer examples than expected", "the VOC image id"),
        "height": (damage_height, "Unexpectedly small value: 0", "a number of pixels, at least 1"),
        "void_pixels": (damage_void, "Unexpectedly small value: -1", "a number of pixels, 0 to 1024"),
    },
}
"""Split → feature → a function that damages one record, a part of TFDV's message, and the expected content."""


def test_violations_of_the_curated_schema_are_reported(validate: Callable[..., Any], records: Records) -> None:
    for split, damages in DAMAGES.items():
        for damage, _, _ in damages.values():
            damage(records[split][0])
    findings = validate(records, min_images_of_class=0)
    expected = {(split, feature): content for split, damages in DAMAGES.items() for feature, content in damages.items()}
    assert [(finding["split"], finding["feature"]) for finding in findings] == list(expected)
    for finding, (_, reason, allowed) in zip(findings, expected.values(), strict=True):
        assert (finding["class"], finding["severity"]) == (None, "error")
        assert finding["what"].startswith(f"{finding['feature']} violates the schema (")
        assert reason in finding["what"]
        assert allowed in finding["what"].partition("Expected in each record: ")[2]
        assert finding["what"].endswith("Convert the devkit again.")


@pytest.mark.slow
def test_on_anomaly_stop_raises_an_error_with_all_findings(validate: Callable[..., Any], records: Records) -> None:
    damage_height(records["train"][0])
    for record in records["val"]:
        remove_class(record, CLASS_NAMES.index("bottle"))
    with pytest.raises(DataValidationError) as caught:
        validate(records, on_anomaly="stop", max_without_foreground=1.0)
    first, height, bottle, last = str(caught.value).splitlines()
    assert first == "2 problems in the data, and validation.on_anomaly is stop:"
    assert height.startswith("  train: height violates the schema")
    assert bottle.startswith("  val: class bottle occurs in none of the 5 images")
    assert last == "Correct the data, or set validation.on_anomaly=warn to train despite the problems."


def test_pixel_counts_agree_with_the_records(examples: Any, records: Records) -> None:
    counts = count_pixels(read_records(examples).files["val"], label_set_of_names(CLASS_NAMES))
    assert counts.images == VAL_IMAGES
    assert counts.class_pixels == tuple(
        sum(numbers(record, "class_pixels")[index] for record in records["val"]) for index in range(len(CLASS_NAMES))
    )
    assert counts.without_foreground == ()


def test_statistics_without_the_curated_schema_are_refused(examples: Any) -> None:
    import tensorflow_data_validation as tfdv

    options = tfdv.StatsOptions(feature_allowlist=["classes"])
    statistics = tfdv.generate_statistics_from_tfrecord(read_records(examples).files["val"][0], stats_options=options)
    with pytest.raises(ValueError, match=r"pass the curated schema, .* to StatisticsGen"):
        images_by_class(statistics.datasets[0], len(CLASS_NAMES))
