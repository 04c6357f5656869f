"""Import of labelme's JSON files."""

from __future__ import annotations

import base64
import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from pipeline.commands.terminal import EXIT_USAGE
from tests.tfds_voc_seg.importers.made_sources import (
    HEIGHT,
    WIDTH,
    all_ids,
    found,
    lists,
    read_devkit_mask,
    report,
    run_import,
    write_photo,
)
from tfds_voc_seg.label_set_files import find_label_set

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("pycocotools")

SQUARE = [[1, 1], [5, 1], [5, 5], [1, 5]]


def shape(label: str, points: Any, shape_type: str | None = "polygon", **more: Any) -> dict[str, Any]:
    return {"label": label, "points": points, "shape_type": shape_type, **more}


def write_labelme(file: Path, *shapes: dict[str, Any], image: str = "x.jpg", **more: Any) -> None:
    """Writes a JSON file and its photo."""
    content = {"shapes": shapes, "imagePath": image, "imageHeight": HEIGHT, "imageWidth": WIDTH, "imageData": None}
    write_photo(file.parent / image.replace("\\", "/"))
    file.write_text(json.dumps(content | more))


def encoded(bitmap: Any) -> str:
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(bitmap, np.uint8) * 255).save(buffer, "png")
    return base64.b64encode(buffer.getvalue()).decode()


@pytest.mark.parametrize(
    "item",
    [
        shape("car", SQUARE),
        shape("car", SQUARE, None),
        shape("car", [[5, 5], [1, 1]], "rectangle"),
        shape("car", [[1, 1], [4, 4]], "mask", mask=encoded(np.ones((4, 4)))),
    ],
)
def test_shapes_with_an_area(item: dict[str, Any], tmp_path: Path) -> None:
    write_labelme(tmp_path / "source/x.json", item)
    assert run_import("labelme", tmp_path / "source", tmp_path / "devkit") == 0
    expected = np.zeros((HEIGHT, WIDTH), np.uint8)
    expected[1:5, 1:5] = 1
    np.testing.assert_array_equal(read_devkit_mask(tmp_path / "devkit", "x"), expected)


def test_a_circle_later_shapes_and_names_with_a_meaning(tmp_path: Path) -> None:
    write_labelme(
        tmp_path / "source/x.json",
        shape("zebra", [[4, 3], [4, 5]], "circle"),
        shape("car", [[4, 3], [8, 6]], "rectangle"),
        shape("_background_", [[7, 5], [8, 6]], "rectangle"),
        shape("__ignore__", [[0, 0], [WIDTH, HEIGHT]], "rectangle"),
    )
    assert run_import("labelme", tmp_path / "source", tmp_path / "devkit") == 0
    assert find_label_set(tmp_path / "devkit").names == ("background", "car", "zebra")
    mask = read_devkit_mask(tmp_path / "devkit", "x")
    assert (mask[3:5, 4:8] == 1).all()
    assert mask[5, 7] == 0
    assert mask[2, 3] == 2
    assert mask[0, 0] == 255


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (shape("car", SQUARE, "linestrip"), "shape without an area"),
        (shape("car", [[1, 1], [2, 2]]), "empty polygon"),
        (shape("car", [[1, 1]], "rectangle"), "invalid coordinates"),
        (shape("car", "points"), "invalid coordinates"),
        (shape("car", [[1, 1], [1e999, 2]], "circle"), "invalid coordinates"),
        (shape("car", [[1, 1], [2, 2]], "mask", mask="???"), "invalid mask"),
        (shape("car", [[1, 1], [2, 2]], "mask"), "invalid mask"),
    ],
)
def test_shapes_that_cannot_be_taken(item: dict[str, Any], reason: str, tmp_path: Path) -> None:
    write_labelme(tmp_path / "source/x.json", item, shape("car", SQUARE))
    assert run_import("labelme", tmp_path / "source", tmp_path / "devkit") == 0
    assert found(tmp_path / "devkit", reason) == ["x"]
    assert (read_devkit_mask(tmp_path / "devkit", "x") == 1).sum() == 16


def test_folders_paths_and_files_that_do_not_fit(tmp_path: Path) -> None:
    source = tmp_path / "source"
    write_photo(tmp_path / "secret.jpg")
    write_labelme(source / "train/json/a.json", shape("car", SQUARE), image="..\\photos\\a.jpg")
    write_labelme(source / "val/b.json", shape("car", SQUARE), image="b.jpg", imageData="AAAA")
    write_labelme(source / "val/gone.json", shape("car", SQUARE), image="gone.jpg")
    (source / "val/gone.jpg").unlink()
    write_labelme(source / "val/other.json", image="other.jpg", imageHeight=99)
    write_labelme(source / "val/stolen.json", image="stolen.jpg", imagePath="../../secret.jpg")
    (source / "val/notes.json").write_text("[]")
    assert run_import("labelme", source, tmp_path / "devkit") == 0
    assert lists(tmp_path / "devkit") == {"train": ["json_a"], "val": ["b"]}
    assert found(tmp_path / "devkit", "no photo") == ["gone"]
    assert found(tmp_path / "devkit", "size mismatch") == ["other"]
    assert found(tmp_path / "devkit", "no file of labelme") == ["val/notes.json", "val/stolen.json"]
    assert found(tmp_path / "devkit", "no mask") == ["val/stolen.jpg"]


def test_photos_in_the_json_files(tmp_path: Path) -> None:
    source, devkit = tmp_path / "source", tmp_path / "devkit"
    write_photo(tmp_path / "photo.jpg")
    write_photo(tmp_path / "photo.bmp")
    jpeg, bmp = (base64.b64encode((tmp_path / f"photo.{suffix}").read_bytes()).decode() for suffix in ("jpg", "bmp"))
    for name, path, data in (
        ("a", "a.jpg", jpeg),
        ("b", "/home/x/b.jpg", bmp),
        ("bad", "bad.jpg", "AAAA"),
        ("text", "text.jpg", "???"),
        ("number", "number.jpg", 7),
    ):
        write_labelme(
            source / f"{name}.json", shape("car", SQUARE), image=f"{name}.jpg", imagePath=path, imageData=data
        )
        (source / f"{name}.jpg").unlink()
    assert run_import("labelme", source, devkit) == 0
    assert all_ids(devkit) == ["a", "b"]
    assert (devkit / "JPEGImages/a.jpg").read_bytes() == (tmp_path / "photo.jpg").read_bytes()
    with Image.open(devkit / "JPEGImages/b.png") as png, Image.open(tmp_path / "photo.bmp") as original:
        np.testing.assert_array_equal(np.asarray(png), np.asarray(original))
    assert report(devkit)["photos"] == {"extracted": 1, "converted": 1}
    assert found(devkit, "image cannot be read") == ["bad", "number", "text"]
    details = [finding["detail"] for finding in report(devkit)["findings"] if finding["kind"] == "image"]
    assert all("bad.json" in text or "imageData of" in text for text in details)
    assert sorted(path.name for path in devkit.iterdir()) == [
        "ImageSets",
        "JPEGImages",
        "SegmentationClass",
        "import_report.json",
        "labels.yaml",
    ]


def test_the_same_embedded_photo_in_two_splits_stays_in_val(tmp_path: Path) -> None:
    write_photo(tmp_path / "photo.jpg")
    data = base64.b64encode((tmp_path / "photo.jpg").read_bytes()).decode()
    for split, label in (("train", "car"), ("val", "zebra")):
        write_labelme(tmp_path / f"source/{split}/x.json", shape(label, SQUARE), imageData=data)
    (tmp_path / "source/train/x.jpg").unlink()
    assert run_import("labelme", tmp_path / "source", tmp_path / "devkit") == 0
    assert lists(tmp_path / "devkit") == {"train": [], "val": ["x"]}
    assert found(tmp_path / "devkit", "image in two splits") == ["x"]


def test_an_image_without_shapes_is_background(tmp_path: Path) -> None:
    write_labelme(tmp_path / "source/x.json")
    write_labelme(tmp_path / "source/y.json", shape("car", SQUARE), image="y.jpg")
    assert run_import("labelme", tmp_path / "source", tmp_path / "devkit") == 0
    assert all_ids(tmp_path / "devkit") == ["x", "y"]
    assert found(tmp_path / "devkit", "no objects") == ["x"]


def test_a_folder_without_json_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_photo(tmp_path / "source/x.jpg")
    assert run_import("labelme", tmp_path / "source", tmp_path / "devkit") == EXIT_USAGE
    assert "contains no JSON file of labelme" in capsys.readouterr().err
