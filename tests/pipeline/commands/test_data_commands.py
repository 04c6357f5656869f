"""`vocseg data check` and `vocseg data show`: exit statuses, messages and pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image

from pipeline import cli
from pipeline.commands.data import RESIZES
from pipeline.commands.terminal import EXIT_FAILED, EXIT_USAGE
from pipeline.examples import ExamplesError, write_example_pictures
from tests.conftest import CLASSES, IMAGE_SIZE, VAL_IMAGES
from tfds_voc_seg.devkit.splits import read_splits
from tfds_voc_seg.geometry import Resize
from tfds_voc_seg.label_set import VOC_LABELS
from tfds_voc_seg.pictures import class_colour, example_picture
from tfds_voc_seg.record_config import RecordConfig
from tfds_voc_seg.records.decoding import class_map_from_one_hot, parse_record
from tfds_voc_seg.records.encoding import PairEncoder
from tfds_voc_seg.voc_seg_dataset_builder import VocSegConfig

if TYPE_CHECKING:
    from numpy.typing import NDArray


def check(folder: Path) -> int:
    """Runs `vocseg data check`."""
    return cli.main(["data", "check", str(folder)])


def show(
    source: str,
    output: Path,
    *,
    count: int = 12,
    split: str = "train",
    image_size: int | str | None = None,
    classes: tuple[str, ...] = (),
    shape: tuple[str, ...] = (),
    force: bool = False,
) -> int:
    """Runs `vocseg data show`; `shape` holds further options."""
    arguments = ["data", "show", source, "--output", str(output), "--count", str(count), "--split", split]
    arguments += ["--image-size", str(image_size)] if image_size else []
    arguments += ["--classes", ",".join(classes)] if classes else []
    return cli.main([*arguments, *shape, *(["--force"] if force else [])])


def _pixels(file: Path) -> NDArray[np.uint8]:
    with Image.open(file) as image:
        return np.array(image)


def _expected(devkit: Path, image_id: str, config: RecordConfig, split: str = "train") -> NDArray[np.uint8]:
    (pair,) = (pair for pair in read_splits(devkit)[split].pairs if pair.image_id == image_id)
    record = tf.constant(PairEncoder(config)(pair))
    image, mask = parse_record(record, config.record_size, len(config.class_names))
    return example_picture(image.numpy(), class_map_from_one_hot(mask).numpy(), config.channels)


# ------------------------------------------------------------------------------------------------------------- check


def test_every_way_to_resize_can_be_shown() -> None:
    assert get_args(Resize) == RESIZES


def test_a_clean_devkit_passes(devkit: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert check(devkit) == 0
    printed = capfd.readouterr()
    assert printed.err == ""  # no progress bar without a terminal, no output of libraries
    lines = printed.out.splitlines()
    assert lines[0].split() == ["class", "train", "images", "pixels", "val", "images", "pixels"]
    assert lines[1].startswith("background")
    assert any(line.split() == ["train", "absent", "absent"] for line in lines)  # the class train
    assert any(line.startswith("void") and line.count("%") == 2 for line in lines)
    assert lines[-1] == f"{devkit}: 10 train and 5 val images are good; no problems"


def test_problems_are_listed_with_advice(own_devkit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train, val = (listing.pairs for listing in read_splits(own_devkit).values())
    Image.fromarray(_pixels(Path(train[1].photo))).save(train[1].mask)
    Path(val[0].photo).unlink()
    assert check(own_devkit) == EXIT_FAILED
    printed = capsys.readouterr().out
    assert f"train {train[1].image_id}: SegmentationClass/{train[1].image_id}.png\n  contains the colours (" in printed
    assert f"val {val[0].image_id}: JPEGImages/{val[0].image_id}.jpg\n  is missing\n  → restore it or remove" in printed
    assert printed.endswith("3 train and 1 val images are good; 2 problems, listed above\n")


def test_a_folder_without_a_devkit_is_a_usage_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        assert check(folder) == EXIT_USAGE
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"vocseg: {folder} is not a VOC devkit")


@pytest.mark.parametrize(("content", "message"), [(b"", "val.txt is empty"), (b"\xff\xfe\xff", "is not a text file")])
def test_an_unusable_list_fails(
    content: bytes, message: str, own_devkit: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (own_devkit / "ImageSets/Segmentation/val.txt").write_bytes(content)
    assert check(own_devkit) == EXIT_FAILED
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


# -------------------------------------------------------------------------------------------------------------- show


def test_pictures_of_a_devkit(devkit: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "deep" / "pictures"
    assert show(str(devkit), output, count=3, image_size=300) == 0
    assert capsys.readouterr().out == f"{output} holds 3 pictures of {devkit}'s train split\n"
    ids = [pair.image_id for pair in read_splits(devkit)["train"].pairs[:3]]
    assert sorted(file.name for file in output.iterdir()) == [f"{image_id}.png" for image_id in ids]
    for image_id in ids:
        picture = _pixels(output / f"{image_id}.png")
        assert picture.shape[1] == 2 * 300 + 8
        np.testing.assert_array_equal(picture, _expected(devkit, image_id, RecordConfig(300)))
        legend = picture[300:]
        named = {
            name for name in CLASSES if np.all(legend == class_colour(name, VOC_LABELS), axis=-1).sum() >= 100
        }  # a swatch
        annotation = (devkit / f"Annotations/{image_id}.xml").read_text()
        assert named == {name for name in CLASSES if f"<name>{name}</name>" in annotation}


@pytest.mark.parametrize(
    ("shape", "config"),
    [
        (("--image-size", "24x16"), RecordConfig((24, 16))),
        (("--image-size", "16", "--resize", "pad"), RecordConfig(16, resize="pad")),
        (
            ("--image-size", "16", "--resize", "crop", "--short-side", "20"),
            RecordConfig(16, resize="crop", short_side=20),
        ),
    ],
)
def test_pictures_of_other_shapes(shape: tuple[str, ...], config: RecordConfig, devkit: Path, tmp_path: Path) -> None:
    assert show(str(devkit), tmp_path, count=1, shape=shape) == 0
    (file,) = tmp_path.iterdir()
    np.testing.assert_array_equal(_pixels(file), _expected(devkit, file.stem, config))


def test_a_large_count_shows_the_whole_split(devkit: Path, tmp_path: Path) -> None:
    assert show(str(devkit), tmp_path, count=100, split="val", image_size=16) == 0
    assert len(list(tmp_path.iterdir())) == VAL_IMAGES


def test_images_without_the_chosen_classes_are_skipped(devkit: Path, tmp_path: Path) -> None:
    assert show(str(devkit), tmp_path, count=100, image_size=IMAGE_SIZE, classes=("person", "car")) == 0
    shown = {file.stem for file in tmp_path.iterdir()}
    with_them = {
        pair.image_id
        for pair in read_splits(devkit)["train"].pairs
        if any(
            f"<name>{name}<" in (devkit / f"Annotations/{pair.image_id}.xml").read_text() for name in ("person", "car")
        )
    }
    assert shown == with_them
    image_id = min(shown)
    expected = _expected(devkit, image_id, RecordConfig(IMAGE_SIZE, ("person", "car")))
    np.testing.assert_array_equal(_pixels(tmp_path / f"{image_id}.png"), expected)


def test_existing_pictures_are_overwritten_only_with_force(
    devkit: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    second = read_splits(devkit)["train"].pairs[1].image_id
    (tmp_path / f"{second}.png").write_text("mine")
    assert show(str(devkit), tmp_path, count=3, image_size=16) == EXIT_USAGE
    assert capsys.readouterr().err == f"vocseg: {tmp_path} already holds {second}.png; --force overwrites\n"
    assert [file.name for file in tmp_path.iterdir()] == [f"{second}.png"]  # no other picture was written
    assert (tmp_path / f"{second}.png").read_text() == "mine"
    assert show(str(devkit), tmp_path, count=3, image_size=16, force=True) == 0
    assert len(list(tmp_path.iterdir())) == 3
    assert _pixels(tmp_path / f"{second}.png").ndim == 3


def test_bad_pairs_are_reported_and_skipped(
    own_devkit: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs = read_splits(own_devkit)["train"].pairs
    Path(pairs[0].photo).write_text("no photo")
    Path(pairs[1].photo).unlink()
    assert show(str(own_devkit), tmp_path / "pictures", image_size=16) == 0
    assert {file.stem for file in (tmp_path / "pictures").iterdir()} == {pair.image_id for pair in pairs[2:]}
    messages = capsys.readouterr().err
    assert "vocseg: train.txt has 1 problem: see `vocseg data check`" in messages
    assert f"vocseg: skipped: {pairs[0].image_id}: {pairs[0].photo} cannot be decoded as a photo" in messages


def test_pictures_of_a_prepared_dataset(
    devkit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "data"))
    assert show("voc_seg/person_car_16", tmp_path / "pictures") == EXIT_USAGE
    message = capsys.readouterr().err
    assert message.startswith(f"vocseg: voc_seg/person_car_16 is not prepared in {tmp_path / 'data'} (TFDS_DATA_DIR ")
    assert len(message.splitlines()) == 1

    config = VocSegConfig(image_size=16, classes=("person", "car"), num_shards=1, devkit=devkit)
    tfds.builder("voc_seg", data_dir=tmp_path / "data", config=config).download_and_prepare()
    assert show("voc_seg/person_car_16", tmp_path / "pictures", split="val", count=2) == 0
    files = list((tmp_path / "pictures").iterdir())
    assert len(files) == 2
    for file in files:
        expected = _expected(devkit, file.stem, config.record, "val")
        np.testing.assert_array_equal(_pixels(file), expected)

    assert show("voc_seg/person_car_16", tmp_path / "pictures", image_size=32) == EXIT_USAGE
    assert "has its own image size and classes" in capsys.readouterr().err
    (shard,) = (tmp_path / "data").rglob("*validation.tfrecord*")
    shard.write_bytes(shard.read_bytes()[:-20])
    assert show("voc_seg/person_car_16", tmp_path / "other", split="val") == EXIT_USAGE
    assert "cannot be read; prepare it again" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        ("nowhere", {}, "nowhere is neither a folder nor the name of a prepared dataset"),
        (".", {}, ". is not a VOC devkit"),
        ("voc_seg/", {}, "voc_seg/ is not a dataset name of TFDS"),
        ("voc_seg/person", {"classes": ("dog",)}, "voc_seg/person has its own image size and classes"),
        (None, {"classes": ("dgo",)}, "unknown class 'dgo'; allowed are aeroplane"),
        (None, {"shape": ("--short-side", "400")}, "short_side=400 applies only with resize='crop'; remove it"),
        (None, {"image_size": "16x5000"}, "an image size of 5000 is not in 1 to 4096"),
        (None, {"image_size": 4097}, "an image size of 4097 is not in 1 to 4096"),
    ],
)
def test_wrong_arguments_of_show(
    source: str | None,
    options: dict[str, Any],
    message: str,
    devkit: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert show(source or str(devkit), tmp_path / "pictures", **options) == EXIT_USAGE
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert not (tmp_path / "pictures").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image_size": 0}, "an image size of 0 is not in 1 to 4096"),
        ({"count": 0}, "show at least one example"),
        ({"split": "trainval"}, "of train or val"),
    ],
)
def test_wrong_arguments_that_the_command_line_does_not_let_through(
    options: dict[str, Any], message: str, devkit: Path, tmp_path: Path
) -> None:
    with pytest.raises(ExamplesError, match=message):
        write_example_pictures(str(devkit), tmp_path / "pictures", warn=print, **options)
    assert not (tmp_path / "pictures").exists()


def test_a_split_without_the_classes_has_nothing_to_show(
    devkit: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert show(str(devkit), tmp_path / "pictures", classes=("sheep",), image_size=16) == EXIT_FAILED
    assert "has no train example to show" in capsys.readouterr().err


def test_an_output_that_is_a_file_fails(devkit: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert show(str(devkit), tmp_path / "file", count=1, image_size=16) == EXIT_FAILED
    assert "file cannot be written to" in capsys.readouterr().err
