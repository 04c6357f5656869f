"""Validation of real records by real statistics and TFX's own ExampleValidator: each anomaly is made to happen."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
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
    drift_findings,
    empty_mask_findings,
    images_by_class,
    pixel_shares,
    rare_class_findings,
    share_drift,
)
from components.data_validator.component import DataValidator
from components.data_validator.findings import DataValidationError
from components.data_validator.validation_config import ValidationConfig
from components.run_files import DATA_SUMMARY_FILE, VALIDATION_FILE
from pipeline.pipeline import TABULAR_FEATURES
from tests.conftest import CLASSES, IMAGE_SIZE, VAL_IMAGES
from tfds_voc_seg.records.pixel_counts import PixelCounts, count_pixels

CLASS_NAMES = ("background", *CLASSES)
BEAM_ARGS = ["--runner=DirectRunner", "--allow_unsafe_triggers"]
Records = dict[str, list[tf.train.Example]]
"""Split → its records."""


@pytest.fixture
def records(examples: Any) -> Records:
    """The fixture's records, for a test to change."""
    return {
        split: [tf.train.Example.FromString(record.numpy()) for record in tf.data.TFRecordDataset(files)]
        for split, files in read_records(examples).files.items()
    }


@pytest.fixture
def validate(tmp_path: Path, examples: Any, make_artifact: Callable[..., Any]) -> Callable[..., list[dict[str, Any]]]:
    """Runs CuratedSchema, StatisticsGen, ExampleValidator and DataValidator; gives what is in `validation.json`."""

    def artifact(artifact_type: str, name: str) -> Any:
        made = make_artifact(artifact_type, tmp_path / name)
        made.set_string_custom_property(artifact_utils.ARTIFACT_TFX_VERSION_CUSTOM_PROPERTY_KEY, tfx_version)
        return made

    def run(records: Records, **settings: Any) -> list[dict[str, Any]]:
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

        component = CuratedSchema(curated_schema(CLASS_NAMES, IMAGE_SIZE))
        schema_executor.Executor().Do({}, {"schema": [schema]}, component.exec_properties)
        context = statistics_gen_executor.Executor.Context(beam_pipeline_args=BEAM_ARGS, tmp_dir=str(tmp_path))
        import tensorflow_data_validation as tfdv

        options = tfdv.StatsOptions(feature_allowlist=list(TABULAR_FEATURES)).to_json()
        statistics_gen_executor.Executor(context).Do(
            {"examples": [changed], "schema": [schema]},
            {"statistics": [statistics]},
            {"stats_options_json": options, "exclude_splits": "[]"},
        )
        anomalies, validation = artifact("ExampleAnomalies", "anomalies"), artifact("ExampleAnomalies", "validation")
        example_validator_executor.Executor().Do(
            {"statistics": [statistics], "schema": [schema]}, {"anomalies": [anomalies]}, {"exclude_splits": "[]"}
        )
        channels = (
            types.Channel(type=kind)
            for kind in (
                standard_artifacts.ExampleStatistics,
                standard_artifacts.ExampleAnomalies,
                standard_artifacts.Examples,
            )
        )
        executor.Executor().Do(
            {"statistics": [statistics], "anomalies": [anomalies], "examples": [changed]},
            {"validation": [validation]},
            DataValidator(*channels, ValidationConfig(**settings)).exec_properties,
        )
        return json.loads((tmp_path / "validation" / VALIDATION_FILE).read_text())

    return run


def numbers(record: tf.train.Example, feature: str) -> Any:
    """A feature's list of whole numbers, to be changed."""
    return record.features.feature[feature].int64_list.value


def take_out(record: tf.train.Example, class_id: int) -> None:
    """Makes a class's pixels of a record background."""
    pixels = numbers(record, "class_pixels")
    pixels[0] += pixels[class_id]
    pixels[class_id] = 0
    numbers(record, "classes")[:] = [index for index, count in enumerate(pixels) if count]


def test_good_records_give_no_finding(validate: Callable[..., Any], records: Records) -> None:
    assert validate(records, on_anomaly="stop") == []


def test_what_the_splits_hold_is_kept_for_people(
    validate: Callable[..., Any], records: Records, tmp_path: Path
) -> None:
    validate(records)
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


def test_what_can_not_be_added_up_is_left_open(validate: Callable[..., Any], records: Records, tmp_path: Path) -> None:
    records["val"] = []
    numbers(records["train"][0], "class_pixels")[:] = [1]
    validate(records)
    summary = json.loads((tmp_path / "validation" / DATA_SUMMARY_FILE).read_text())
    assert list(summary) == ["train"]
    assert summary["train"]["class_pixels"] is None
    assert summary["train"]["without_foreground"] is None


def test_a_class_that_is_absent_from_a_split(validate: Callable[..., Any], records: Records) -> None:
    for record in records["val"]:
        take_out(record, CLASS_NAMES.index("car"))
    found = [finding for finding in validate(records, max_without_foreground=1.0) if finding["feature"] == "classes"]
    assert found == [
        {
            "split": "val",
            "feature": "classes",
            "class": "car",
            "what": "class car is in none of the 5 images, so that nothing of it can be learnt or measured; add images "
            "of it to val.txt, or take it out of data.classes.",
            "severity": "error",
        }
    ]


def test_masks_without_foreground_are_counted_and_named(validate: Callable[..., Any], records: Records) -> None:
    emptied = records["train"][:2]
    for record in emptied:
        for class_id in range(1, len(CLASS_NAMES)):
            take_out(record, class_id)
    names = sorted(record.features.feature["filename"].bytes_list.value[0].decode() for record in emptied)
    (finding,) = validate(records, min_images_of_class=0)
    assert (finding["split"], finding["feature"], finding["class"]) == ("train", "class_pixels", None)
    assert finding["what"] == (
        f"2 of 10 masks hold no foreground, only background or void: {', '.join(names)}; correct the masks, leave such "
        "images out with data.drop_empty=true, or allow a share of them with "
        "validation.max_without_foreground."
    )


def test_a_class_whose_pixel_share_drifts(validate: Callable[..., Any], records: Records) -> None:
    person = CLASS_NAMES.index("person")
    same: Records = {"train": records["train"], "val": []}
    for record in records["train"]:
        changed = tf.train.Example.FromString(record.SerializeToString())
        pixels = numbers(changed, "class_pixels")
        taken = pixels[person] * 3 // 4
        pixels[person], pixels[0] = pixels[person] - taken, pixels[0] + taken
        same["val"].append(changed)
    (finding,) = validate(same, drift_min_images=1)
    assert (finding["split"], finding["class"], finding["severity"]) == ("val", "person", "warning")
    assert finding["what"].startswith("class person takes ")
    assert "% of the valid pixels in train but " in finding["what"]
    assert "which differ by 7" in finding["what"]
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


BREAKAGES: list[dict[str, tuple[Callable[[tf.train.Example], None], str, str]]] = [
    {
        "class_pixels": (damage_shape, "its value lengths vary", "6 numbers of pixels, each 0 to 1024"),
        "classes": (damage_class_id, "Unexpectedly large value: 6", "1 to 6 class ids, each 0 to 5"),
        "filename": (damage_filename, "present in fewer examples than expected", "the VOC image id"),
        "height": (damage_height, "Unexpectedly small value: 0", "a number of pixels, at least 1"),
        "void_pixels": (damage_void, "Unexpectedly small value: -1", "a number of pixels, 0 to 1024"),
    },
    {
        "class_pixels": (damage_pixels, "Unexpectedly large value: 1025", "each 0 to 1024"),
        "classes": (damage_classes, "Some examples have fewer values than expected", "1 to 6 class ids"),
    },
]
"""Feature → what is done to one record, what TFDV says of it, what is allowed."""


@pytest.mark.parametrize("breakages", BREAKAGES)
def test_example_validator_sees_what_breaks_the_curated_schema(
    breakages: dict[str, Any], validate: Callable[..., Any], records: Records
) -> None:
    for damage, _, _ in breakages.values():
        damage(records["val"][0])
    findings = validate(records, min_images_of_class=0)
    assert [finding["feature"] for finding in findings] == list(breakages)
    for finding, (_, reason, allowed) in zip(findings, breakages.values(), strict=True):
        assert (finding["split"], finding["class"], finding["severity"]) == ("val", None, "error")
        assert finding["what"].startswith(f"{finding['feature']} breaks the schema (")
        assert reason in finding["what"]
        assert allowed in finding["what"].partition("Each record holds ")[2]
        assert finding["what"].endswith("convert the devkit again.")


def test_a_split_without_images(validate: Callable[..., Any], records: Records) -> None:
    (finding,) = validate({**records, "val": []})
    assert (finding["split"], finding["what"]) == ("val", "the split holds no image; give it some.")


def test_the_run_stops_with_all_findings_where_asked_to(validate: Callable[..., Any], records: Records) -> None:
    damage_height(records["train"][0])
    for record in records["val"]:
        take_out(record, CLASS_NAMES.index("bottle"))
    with pytest.raises(DataValidationError) as caught:
        validate(records, on_anomaly="stop", max_without_foreground=1.0)
    first, height, bottle, last = str(caught.value).splitlines()
    assert first == "2 findings in the data, and validation.on_anomaly is stop:"
    assert height.startswith("  train: height breaks the schema")
    assert bottle.startswith("  val: class bottle is in none of the 5 images")
    assert last == "Correct the data, or go on all the same with validation.on_anomaly=warn."


def test_pixels_are_counted_as_in_the_masks(examples: Any, records: Records) -> None:
    counts = count_pixels(read_records(examples).files["val"], len(CLASS_NAMES))
    assert counts.images == VAL_IMAGES
    assert counts.class_pixels == tuple(
        sum(numbers(record, "class_pixels")[index] for record in records["val"]) for index in range(len(CLASS_NAMES))
    )
    assert counts.without_foreground == ()


def test_statistics_without_the_curated_schema_are_refused(examples: Any) -> None:
    import tensorflow_data_validation as tfdv

    options = tfdv.StatsOptions(feature_allowlist=["classes"])
    statistics = tfdv.generate_statistics_from_tfrecord(read_records(examples).files["val"][0], stats_options=options)
    with pytest.raises(ValueError, match="give StatisticsGen the curated schema"):
        images_by_class(statistics.datasets[0], len(CLASS_NAMES))


@given(st.floats(0, 1), st.floats(0, 1))
def test_share_drift_is_symmetric_and_between_0_and_1(one: float, other: float) -> None:
    assert share_drift(one, other) == share_drift(other, one)
    assert 0 <= share_drift(one, other) <= 1
    assert share_drift(one, one) == 0
    assert share_drift(one, 0) == (1 if one else 0)


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=21), st.integers(1, 1000))
def test_pixel_shares_add_up_and_do_not_depend_on_the_number_of_images(pixels: list[int], times: int) -> None:
    shares = pixel_shares(pixels)
    assert sum(shares) == pytest.approx(1 if any(pixels) else 0)
    assert pixel_shares([count * times for count in pixels]) == pytest.approx(shares)


@given(st.lists(st.integers(0, 30), min_size=2, max_size=2), st.integers(0, 40))
def test_rare_classes(class_images: list[int], minimum: int) -> None:
    config = ValidationConfig(min_images_of_class=minimum)
    found = {f.class_name: f for f in rare_class_findings("train", 30, class_images, ("background", "dog"), config)}
    for name, count in zip(("background", "dog"), class_images, strict=True):
        assert (name in found) == (count < minimum)
        if name in found:
            assert found[name].severity == ("warning" if count else "error")
            assert found[name].what.startswith(f"class {name} is in {count or 'none'} of ")


def test_few_masks_without_foreground_may_be_allowed_and_many_are_not_all_named() -> None:
    counts = PixelCounts(100, (1, 1), tuple("abcdefgh"))
    assert empty_mask_findings("val", counts, ValidationConfig(max_without_foreground=0.08)) == []
    (finding,) = empty_mask_findings("val", counts, ValidationConfig(max_without_foreground=0.07))
    assert "a, b, c, d, e and 3 more" in finding.what
    assert "8 of 100 masks hold no foreground" in finding.what
    (single,) = empty_mask_findings("val", PixelCounts(9, (1, 1), ("a",)), ValidationConfig())
    assert single.what.startswith("1 of 9 masks holds no foreground")


@pytest.mark.parametrize(("images", "drift", "found"), [(10, 0.49, True), (9, 0.0, False), (10, 0.5, False)])
def test_drift_is_judged_with_enough_images_only(images: int, drift: float, found: bool) -> None:
    pixels = {"train": PixelCounts(20, (80, 20), ()), "val": PixelCounts(20, (90, 10), ())}
    config = ValidationConfig(max_share_drift=drift, drift_min_images=10)
    class_images = {"train": [20, 20], "val": [20, images]}
    findings = drift_findings(pixels, class_images, ("background", "dog"), config)
    assert [f.class_name for f in findings if f.class_name == "dog"] == (["dog"] if found else [])
    if found:
        assert "class dog takes 20.00% of the valid pixels in train but 10.00% in val" in findings[-1].what


def test_findings_are_shown_in_full() -> None:
    from rich.console import Console

    from pipeline.display.tables import findings_table

    what = "class [car] is in none of the 60 images, " + "so that nothing of it can be learnt or measured; " * 3
    finding = {"split": "val", "feature": "classes", "class": "car", "what": what, "severity": "error"}
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(findings_table({"anomalies": [finding]}), soft_wrap=True)  # as the display prints
    shown = console.export_text()
    assert "Findings in the data" in shown
    assert all(word in shown for word in (*what.split(), "val", "error"))
    assert max(len(line) for line in shown.splitlines()) <= 80
