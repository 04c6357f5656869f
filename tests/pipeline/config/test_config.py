"""The configuration: presets, overrides, and errors that name the key and the allowed values on one line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from pipeline.config.loading import load_config, preset_names
from pipeline.config.problems import ConfigError
from pipeline.places import devkit_folder
from tfds_voc_seg.labels import VOC_CLASSES
from tfds_voc_seg.record_config import ConversionConfig, RecordConfig

MINIMAL = "name: mine\ndata: {classes: [person]}\ncandidates: {small: {network: unet}}\n"


def errors(*overrides: str, preset: str = "demo") -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_config(preset, overrides=overrides)
    return str(caught.value).splitlines()


def test_the_data_section_gives_the_settings_of_the_records_and_their_files() -> None:
    data = load_config("demo", overrides=["data.classes=[dog]", "data.void=background", "data.num_shards=7"]).data
    expected = RecordConfig(data.image_size, ("dog",), "background", drop_empty=data.drop_empty)
    assert data.record == expected
    assert data.conversion == ConversionConfig(7, data.seed)
    recorded = json.loads(json.dumps(data.record.as_json()))
    assert recorded.pop("labels")["names"] == list(VOC_CLASSES)
    assert recorded == {
        "image_size": data.image_size,
        "classes": ["dog"],
        "void": "background",
        "image_encoding": "png",
        "drop_empty": data.drop_empty,
        "mask_compression_level": 7,
        "boxes": False,
        "background_classes": False,
    }


def test_an_image_size_is_one_number_or_height_and_width() -> None:
    for value, expected in (("96", 96), ("[96, 96]", 96), ("[64, 96]", (64, 96))):
        data = load_config("demo", overrides=[f"data.image_size={value}"]).data
        assert (data.image_size, data.record.image_size) == (expected, expected)
        assert RecordConfig.from_json(json.loads(json.dumps(data.record.as_json()))) == data.record


def test_stretched_photos_add_nothing_to_the_recorded_settings() -> None:
    stretched, padded = (
        load_config("demo", overrides=[f"data.resize={kind}"]).data.record for kind in ("stretch", "pad")
    )
    assert padded.as_json() == {**stretched.as_json(), "resize": "pad"}
    assert (RecordConfig.from_json(stretched.as_json()), RecordConfig.from_json(padded.as_json())) == (
        stretched,
        padded,
    )


def test_without_classes_all_classes_of_the_label_set_are_selected(tmp_path: Path) -> None:
    (tmp_path / "labels.yaml").write_text("{classes: [ground, cell, crack], background: ground}\n")
    (tmp_path / "mine.yaml").write_text("{name: mine, data: {image_size: 64}, candidates: {unet: {network: unet}}}\n")
    data = load_config(str(tmp_path / "mine.yaml"), overrides=[f"data.labels={tmp_path / 'labels.yaml'}"]).data
    assert data.classes == data.record.classes == ("cell", "crack")
    assert data.class_names == data.record.class_names == ("ground", "cell", "crack")


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_is_valid_and_begins_with_its_command(name: str) -> None:
    assert load_config(name).name == name
    first_line = Path("pipeline/presets", f"{name}.yaml").read_text().splitlines()[0]
    assert first_line.startswith(("# vocseg run", "# vocseg experiment transfer"))


@pytest.mark.parametrize("name", preset_names())
def test_the_options_in_a_preset_s_comment_are_valid_and_change_it(name: str) -> None:
    comment = re.match(r"(?:#.*\n)+", Path("pipeline/presets", f"{name}.yaml").read_text())
    assert comment is not None
    before = load_config(name)
    for option in re.findall(r"--set (\S+=\S+)", comment[0]):
        assert load_config(name, overrides=[option]) != before, option


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("colour=red", "colour: unknown key; allowed here are name, output, data, sample"),
        ("data.size=3", "data.size: unknown key; allowed here are labels, image_size, classes, void"),
        ("training.epoch=3", "training.epoch: unknown key; allowed here are epochs, batch_size"),
        (
            "candidates.unet.depth=3",
            "candidates.unet.depth: unknown key; allowed here are network, options, transfer, training",
        ),
        ("candidates.unet.training.lr=1", "candidates.unet.training.lr: unknown key; allowed here are epochs"),
        ("data.image_size=big", "data.image_size: input should be a valid integer"),
        ("data.image_size=8", "data.image_size: input should be greater than or equal to 32 (got 8)"),
        ("data.resize=fit", "data.resize: input should be 'stretch', 'pad' or 'crop' (got 'fit')"),
        ("data.short_side=500", "data: short_side=500 applies only with resize='crop'; remove it"),
        (
            "data={resize: crop, short_side: 40}",
            "data: short_side=40 is invalid; allowed are whole numbers",
        ),
        (
            "training.augmentation.rare_crops=0.2",
            "the configuration: candidates.fcn8.training.augmentation.rare_crops: images are cropped only with "
            "data.resize=crop, not with stretch; remove it",
        ),
        ("data.image_size=[64, 8]", "data.image_size: input should be greater than or equal to 32 (got [64, 8])"),
        ("data.image_size=[64]", "data.image_size: image_size=[64] is invalid; give one number, or [height, width]"),
        ("data.image_size=yes", "data.image_size: must be one number, or [height, width]"),
        ("training.epochs=0", "training.epochs: input should be greater than or equal to 1 (got 0)"),
        ("training.learning_rate=-1", "training.learning_rate: input should be greater than 0 (got -1)"),
        ("training.epochs=yes", "training.epochs: must be a number, not true"),
        ("training.seed=5000000000", "training.seed: input should be less than or equal to 4294967295"),
        ("training.learning_rate=.inf", "training.learning_rate: input should be a finite number"),
        ("training.warmup_epochs=99", "training.warmup_epochs: must be at most the 10 epochs of the training"),
        ("training.cached_images=100", "training.cached_images: only the features of frozen blocks can be cached"),
        ("candidates.unet.options={image_size: 3}", "candidates.unet.options: image_size follows from the data"),
        ("training.optimizer=adam", "training.optimizer: input should be 'adamw' or 'sgd' (got 'adam')"),
        ("data.void=keep", "data.void: input should be 'ignore' or 'background' (got 'keep')"),
        ("data.classes=[dgo]", "data.classes: unknown class 'dgo'; allowed are aeroplane, bicycle"),
        ("data.classes=[]", "data.classes: name at least one class, each once"),
        ("candidates.unet.network=unt", "candidates.unet.network: unknown network 'unt'; known are fcn32"),
        ("candidates={}", "candidates: name at least one candidate"),
        ("candidates.My-Net={network: unet}", "candidates.My-Net: string should match pattern"),
        ("beam.args=[--direct_running_mode=multi_threading]", "beam.args: multi_threading loses records; use"),
        (
            "selection.metric=iou",
            "selection.metric: unknown metric 'iou'; allowed are mean_iou, pixel_accuracy, mean_class_accuracy",
        ),
        ("selection.min_mean_iou=40", "selection.min_mean_iou: input should be less than or equal to 1 (got 40)"),
        ("selection.min_mean_iou=yes", "selection.min_mean_iou: must be a number, not true"),
        ("selection.min_class_iou={dgo: 0.2}", "selection: min_class_iou: unknown class 'dgo'; the run has background"),
        ("selection.min_class_iou={person: 2}", "selection.min_class_iou.person: input should be less than or equal"),
        (
            "selection={metric: pixel_accuracy, beyond_interval: true}",
            "selection: beyond_interval requires the metric mean_iou",
        ),
        ("selection.min_iou=1", "selection.min_iou: unknown key; allowed here are metric, min_mean_iou"),
        (
            "training.learn_background_classes=true",
            "the configuration: candidates.fcn8.training.learn_background_classes: set data.background_classes to true",
        ),
        (
            "training.class_weights={persn: 2}",
            "the configuration: training.class_weights: unknown class 'persn'; the run has background",
        ),
        (
            "candidates.unet.training.class_weights={persn: 2}",
            "the configuration: candidates.unet.training.class_weights: unknown class 'persn'; the run has background",
        ),
        ("publishing.keep_versions=0", "publishing.keep_versions: input should be greater than or equal to 1 (got 0)"),
        (
            "publishing.targets=[litert]",
            "publishing.targets: saved_model is missing: the other targets are made from it",
        ),
        ("publishing.targets=[saved_model, onnx, onnx]", "publishing.targets: onnx occurs twice; remove one"),
        ("publishing.targets=[saved_model, coreml]", "publishing.targets.1"),
        ("smoke_test.timeout_seconds=0", "smoke_test.timeout_seconds: input should be greater than 0 (got 0)"),
        ("data.image_size.x=3", "data.image_size.x: data.image_size is a single value and has no keys"),
        ("training", "--set training: write key=value"),
        ("training.epochs=[", "--set training.epochs=[: the value is not valid YAML"),
        ("data=3", "data: input should be a valid dictionary"),
    ],
)
def test_an_invalid_setting_is_reported_on_one_line(override: str, message: str) -> None:
    (line,) = errors(override)
    assert line.startswith(message)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("data.boxes=false", "detector: it is trained on boxes; set data.boxes to true"),
        ("data.resize=pad", "detector: an SSD takes stretched, square photos"),
        ("data.image_size=[64, 96]", "detector: an SSD takes stretched, square photos"),
        ("data.image_size=63", "detector: an SSD takes images of 64 pixels or more, not 63; set data.image_size to 64"),
        ("detector=null", "candidates.fcn8_transfer.transfer: the run has no detector"),
    ],
)
def test_the_settings_of_a_detector_agree_with_the_rest(override: str, message: str) -> None:
    (line,) = errors(override, preset="transfer_person_dog")
    assert line.startswith(f"the configuration: {message}")


def test_all_problems_are_listed() -> None:
    assert len(errors("training.epochs=0", "data.image_size=1", "colour=red")) == 3


def test_an_unknown_preset_lists_the_known_ones() -> None:
    (line,) = errors(preset="dmo")
    assert line == f"preset 'dmo' is unknown; allowed are {', '.join(preset_names())}, or a .yaml file"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "cannot be read"),
        ("a: [", "not valid YAML"),
        ("- 1", "must hold keys and values"),
        ("name: x", "missing"),
    ],
)
def test_an_unusable_preset_file_is_an_error(text: str | None, message: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    if text is not None:
        file.write_text(text)
    assert message in errors(preset=str(file))[0]


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine.yaml").write_text(f"{MINIMAL}output: ~/runs\n")
    assert load_config("~/mine.yaml").output_folder == tmp_path.resolve() / "runs"
    assert load_config("demo", output="~/other").output_folder == tmp_path.resolve() / "other"
    assert load_config("demo", devkit="~/VOC2012").data.devkit == str(tmp_path.resolve() / "VOC2012")
    assert devkit_folder(load_config("demo", overrides=["data.devkit=~/VOC2012"])) == tmp_path.resolve() / "VOC2012"


def test_a_custom_preset(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(MINIMAL)
    config = load_config(str(file), overrides=["training.epochs=3"], devkit="some/devkit", output=str(tmp_path / "out"))
    assert config.candidates["small"].training.epochs == 3
    assert devkit_folder(config) == Path("some/devkit").resolve()
    assert config.serving_folder == str(tmp_path / "out" / "serving")


def test_a_candidates_own_training_settings_override_the_shared_ones() -> None:
    config = load_config("demo", overrides=["training.epochs=3", "candidates.unet.training.epochs=5"])
    assert (config.candidates["fcn8"].training.epochs, config.candidates["unet"].training.epochs) == (3, 5)
    assert config.candidates["unet"].training.batch_size == config.training.batch_size


def test_the_output_folder_is_named_after_the_run() -> None:
    assert load_config("demo").output_folder == Path("runs/demo").resolve()


def test_publishing_and_selection() -> None:
    config = load_config("demo", overrides=["publishing.keep_versions=null", "selection.min_class_iou={person: 0.2}"])
    assert config.publishing.keep_versions is None
    assert config.selection.min_class_iou == {"person": 0.2}


def test_targets_beside_the_saved_model() -> None:
    assert load_config("demo").publishing.exports is None
    overrides = ["publishing.targets=[saved_model, litert_int8, onnx]", "publishing.max_target_loss=0.02"]
    exports = load_config("demo", overrides=overrides).publishing.exports
    assert exports is not None
    assert (exports.targets, exports.max_target_loss) == (("litert_int8", "onnx"), 0.02)
