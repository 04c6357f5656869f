"""`vocseg data check` and `vocseg data show`: exit statuses, messages and pictures."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image

from pipeline.commands.data_check import check
from pipeline.commands.data_show import show
from pipeline.commands.terminal import EXIT_FAILED, EXIT_USAGE
from tests.conftest import CLASSES, IMAGE_SIZE, VAL_IMAGES
from tfds_voc_seg.devkit.splits import read_splits
from tfds_voc_seg.pictures import class_colour, example_picture
from tfds_voc_seg.record_config import RecordConfig
from tfds_voc_seg.records.decoding import class_map_from_one_hot, parse_record
from tfds_voc_seg.records.encoding import PairEncoder
from tfds_voc_seg.voc_seg_dataset_builder import VocSegConfig


def _pixels(file: Path) -> np.ndarray:
    with Image.open(file) as image:
        return np.array(image)


def _expected(devkit: Path, image_id: str, config: RecordConfig, split: str = "train") -> np.ndarray:
    (pair,) = (pair for pair in read_splits(devkit)[split].pairs if pair.image_id == image_id)
    record = tf.constant(PairEncoder(config)(pair))
    image, mask = parse_record(record, config.image_size, len(config.class_names))
    return example_picture(image.numpy(), class_map_from_one_hot(mask).numpy(), config.class_names)


# ------------------------------------------------------------------------------------------------------------- check


def test_a_clean_devkit_passes(devkit: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert check(devkit) == 0
    printed = capfd.readouterr()
    assert printed.err == ""  # no bar where there is no terminal, nothing of the libraries
    lines = printed.out.splitlines()
    assert lines[0].split() == ["class", "train", "images", "pixels", "val", "images", "pixels"]
    assert lines[1].startswith("background")
    assert any(line.split() == ["train", "absent", "absent"] for line in lines)  # the class
    assert any(line.startswith("void") and line.count("%") == 2 for line in lines)
    assert lines[-1] == f"{devkit}: 10 train and 5 val images are good; no problems"


def test_problems_are_listed_with_what_to_do(own_devkit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train, val = (listing.pairs for listing in read_splits(own_devkit).values())
    Image.fromarray(_pixels(Path(train[1].photo))).save(train[1].mask)
    Path(val[0].photo).unlink()
    assert check(own_devkit) == EXIT_FAILED
    printed = capsys.readouterr().out
    assert f"train {train[1].image_id}: SegmentationClass/{train[1].image_id}.png\n  is a mask in mode RGB" in printed
    assert f"val {val[0].image_id}: JPEGImages/{val[0].image_id}.jpg\n  is missing\n  → restore it or take" in printed
    assert printed.endswith("3 train and 1 val images are good; 2 problems, listed above\n")


def test_a_folder_that_is_no_devkit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        assert check(folder) == EXIT_USAGE
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"vocseg: {folder} is not a VOC devkit")


@pytest.mark.parametrize(("content", "message"), [(b"", "val.txt is empty"), (b"\xff\xfe\xff", "is not a text file")])
def test_a_list_that_can_not_be_used(
    content: bytes, message: str, own_devkit: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (own_devkit / "ImageSets/Segmentation/val.txt").write_bytes(content)
    assert check(own_devkit) == EXIT_FAILED
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


def test_only_the_commands_words_reach_the_terminal(devkit: Path) -> None:
    program = (
        "import sys, pathlib; from pipeline.commands.data_check import check\n"
        "sys.exit(check(pathlib.Path(sys.argv[1])))"
    )
    finished = subprocess.run([sys.executable, "-c", program, str(devkit)], capture_output=True, text=True, check=False)
    assert (finished.returncode, finished.stderr) == (0, "")


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
        named = {name for name in CLASSES if np.all(legend == class_colour(name), axis=-1).sum() >= 100}  # a swatch
        annotation = (devkit / f"Annotations/{image_id}.xml").read_text()
        assert named == {name for name in CLASSES if f"<name>{name}</name>" in annotation}


def test_a_split_has_no_more_than_it_has(devkit: Path, tmp_path: Path) -> None:
    assert show(str(devkit), tmp_path, count=100, split="val", image_size=16) == 0
    assert len(list(tmp_path.iterdir())) == VAL_IMAGES


def test_chosen_classes_leave_out_the_images_without_them(devkit: Path, tmp_path: Path) -> None:
    assert show(str(devkit), tmp_path, count=100, image_size=IMAGE_SIZE, classes=["person", "car"]) == 0
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


def test_nothing_is_overwritten_unless_asked(devkit: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    second = read_splits(devkit)["train"].pairs[1].image_id
    (tmp_path / f"{second}.png").write_text("mine")
    assert show(str(devkit), tmp_path, count=3, image_size=16) == EXIT_USAGE
    assert capsys.readouterr().err == f"vocseg: {tmp_path} already holds {second}.png; --force overwrites\n"
    assert [file.name for file in tmp_path.iterdir()] == [f"{second}.png"]  # nor is anything written beside it
    assert (tmp_path / f"{second}.png").read_text() == "mine"
    assert show(str(devkit), tmp_path, count=3, image_size=16, force=True) == 0
    assert len(list(tmp_path.iterdir())) == 3
    assert _pixels(tmp_path / f"{second}.png").ndim == 3


def test_bad_pairs_are_said_and_left_out(own_devkit: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pairs = read_splits(own_devkit)["train"].pairs
    Path(pairs[0].photo).write_text("no photo")
    Path(pairs[1].photo).unlink()
    assert show(str(own_devkit), tmp_path / "pictures", image_size=16) == 0
    assert {file.stem for file in (tmp_path / "pictures").iterdir()} == {pair.image_id for pair in pairs[2:]}
    said = capsys.readouterr().err
    assert "vocseg: train.txt has 1 problem: see `vocseg data check`" in said
    assert f"vocseg: left out: {pairs[0].image_id}: {pairs[0].photo} can't be decoded as a photo" in said


def test_pictures_of_a_prepared_dataset(
    devkit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "data"))
    assert show("voc_seg/person_car_16", tmp_path / "pictures") == EXIT_USAGE
    said = capsys.readouterr().err
    assert said.startswith(f"vocseg: voc_seg/person_car_16 is not prepared in {tmp_path / 'data'} (TFDS_DATA_DIR ")
    assert len(said.splitlines()) == 1

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
    assert "can't be read; prepare it anew" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"source": "nowhere"}, "nowhere is neither a folder nor the name of a prepared dataset"),
        ({"source": "."}, ". is not a VOC devkit"),
        ({"source": "voc_seg/"}, "voc_seg/ is not how TFDS writes a dataset's name"),
        ({"classes": ["dgo"]}, "unknown class 'dgo'; allowed are aeroplane"),
        ({"image_size": 0}, "an image size of 0 is not in 1 to 4096"),
        ({"count": 0}, "show at least one example"),
        ({"split": "test"}, "of train or val"),
    ],
)
def test_wrong_arguments_of_show(
    arguments: dict[str, object], message: str, devkit: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert show(**{"source": str(devkit), "output": tmp_path / "pictures", **arguments}) == EXIT_USAGE  # type: ignore[arg-type]
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert not (tmp_path / "pictures").exists()


def test_nothing_to_show_and_nowhere_to_write(devkit: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert show(str(devkit), tmp_path / "pictures", classes=["sheep"], image_size=16) == EXIT_FAILED
    assert "has no train example to show" in capsys.readouterr().err
    (tmp_path / "file").touch()
    assert show(str(devkit), tmp_path / "file", count=1, image_size=16) == EXIT_FAILED
    assert "file can't be written to" in capsys.readouterr().err
