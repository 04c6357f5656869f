"""Import of COCO: polygons, RLE, crowds, overlaps, splits, and annotations that are invalid or hostile."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.commands.terminal import EXIT_FAILED, EXIT_USAGE
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

coco_mask = pytest.importorskip("pycocotools.mask")

CATEGORIES = [{"id": 18, "name": "dog"}, {"id": 3, "name": "car"}]
SQUARE = [[1, 1, 5, 1, 5, 5, 1, 5]]  # columns and rows 1 to 4
SMALL = [[2, 2, 4, 2, 4, 4, 2, 4]]
FULL = {"size": [HEIGHT, WIDTH], "counts": [0, HEIGHT * WIDTH]}


def rle(pixels: Any) -> dict[str, Any]:
    """COCO's compressed RLE of a mask."""
    encoded = coco_mask.encode(np.asfortranarray(pixels, np.uint8))
    return {"size": list(encoded["size"]), "counts": encoded["counts"].decode()}


def annotation(segmentation: Any, category: Any = 18, image: Any = 0, **more: Any) -> dict[str, Any]:
    return {"image_id": image, "category_id": category, "segmentation": segmentation, **more}


def write_coco(file: Path, images: list[str], annotations: list[dict[str, Any]], **more: Any) -> None:
    """Writes a JSON file and the photos beside it."""
    entries = [{"id": i, "file_name": name, "height": HEIGHT, "width": WIDTH} for i, name in enumerate(images)]
    file.parent.mkdir(parents=True, exist_ok=True)
    content = {"images": entries, "annotations": annotations, "categories": CATEGORIES, **more}
    file.write_text(json.dumps(content))
    for number, name in enumerate(images):
        write_photo(file.parent / name, seed=number)


def box(top: int, left: int, bottom: int, right: int, value: int = 1) -> Any:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[top:bottom, left:right] = value
    return mask


def imported(tmp_path: Path, annotations: list[dict[str, Any]], *options: str) -> Any:
    """The mask of an image with the given annotations."""
    write_coco(tmp_path / "source/a.json", ["x.jpg"], annotations)
    assert run_import("coco", tmp_path / "source", tmp_path / "devkit", *options) == 0
    return read_devkit_mask(tmp_path / "devkit", "x")


@pytest.mark.parametrize(
    "segmentation",
    [
        SQUARE,
        rle(box(1, 1, 5, 5)),
        {"size": [HEIGHT, WIDTH], "counts": [7, 4, 2, 4, 2, 4, 2, 4, 19]},
        [*SQUARE, *SMALL],
    ],
)
def test_polygons_and_both_kinds_of_rle(segmentation: Any, tmp_path: Path) -> None:
    mask = imported(tmp_path, [annotation(segmentation)])
    np.testing.assert_array_equal(mask, box(1, 1, 5, 5, value=2))  # car has the smaller id
    labels = find_label_set(tmp_path / "devkit")
    assert (labels.names, labels.background) == (("background", "car", "dog"), "background")
    assert report(tmp_path / "devkit")["class_ids"] == {"background": 0, "car": 1, "dog": 2}


@pytest.mark.parametrize("order", [1, -1])
def test_smaller_objects_lie_on_top_and_crowds_below(order: int, tmp_path: Path) -> None:
    objects = [annotation(SQUARE), annotation(SMALL, 3), annotation(FULL, 3, iscrowd=1)]
    expected = np.full((HEIGHT, WIDTH), 255)
    expected[1:5, 1:5] = 2
    expected[2:4, 2:4] = 1
    np.testing.assert_array_equal(imported(tmp_path, objects[::order]), expected)
    assert found(tmp_path / "devkit", "crowds became void") == ["x"]


@pytest.mark.parametrize(
    ("segmentation", "category", "reason"),
    [
        ([[1, 1, 5, 1]], 18, "empty polygon"),
        ([[1, 1, 1, 1, 1, 1]], 18, "empty polygon"),
        ([[20, 1, 25, 1, 25, 5]], 18, "outside the image"),
        ([[1, 1, float("nan"), 1, 5, 5]], 18, "invalid coordinates"),
        ([[0, 0, 1e30, 1, 5, 5]], 18, "invalid coordinates"),
        ([[0, 0, "a", 1, 5, 5]], 18, "invalid coordinates"),
        ([[0, 0, 10**400, 1, 5, 5]], 18, "invalid coordinates"),
        ([[0, 0, 1, 1, 5]], 18, "invalid coordinates"),
        ({"size": [HEIGHT, WIDTH], "counts": [HEIGHT * WIDTH]}, 18, "empty RLE"),
        ({"size": [HEIGHT, WIDTH], "counts": [10]}, 18, "invalid RLE"),
        ({"size": [HEIGHT, WIDTH], "counts": [-1, 49]}, 18, "invalid RLE"),
        ({"size": [HEIGHT, WIDTH], "counts": "\u00ff"}, 18, "invalid RLE"),
        ({"size": [HEIGHT, WIDTH], "counts": "\ud800"}, 18, "invalid RLE"),
        ({"size": [HEIGHT, WIDTH]}, 18, "invalid RLE"),
        ({"size": [3, 3], "counts": [0, 9]}, 18, "size mismatch"),
        ({"size": None, "counts": [0, 9]}, 18, "size mismatch"),
        ({"size": HEIGHT, "counts": [0, 9]}, 18, "size mismatch"),
        ([], 18, "no segmentation"),
        (SQUARE, 7, "unknown class"),
        (SQUARE, [], "unknown class"),
    ],
)
def test_objects_that_cannot_be_taken(segmentation: Any, category: Any, reason: str, tmp_path: Path) -> None:
    mask = imported(tmp_path, [annotation(segmentation, category), annotation(SMALL)])
    np.testing.assert_array_equal(mask, box(2, 2, 4, 4, value=2))
    assert found(tmp_path / "devkit", reason) == ["x"]


@pytest.mark.parametrize("classes", ["car", "background,car"])
def test_chosen_classes(classes: str, tmp_path: Path) -> None:
    mask = imported(tmp_path, [annotation(SQUARE), annotation(SMALL, 3)], "--classes", classes)
    np.testing.assert_array_equal(mask, box(2, 2, 4, 4))
    assert [finding["detail"] for finding in report(tmp_path / "devkit")["findings"]] == ["dog"]


def test_the_layout_of_coco_itself(tmp_path: Path) -> None:
    source, devkit = tmp_path / "source", tmp_path / "devkit"
    for split, name in (("train2017", "a"), ("val2017", "b")):
        write_coco(source / f"annotations/instances_{split}.json", [f"{name}.jpg"], [annotation(SQUARE)])
        (source / split).mkdir()
        (source / f"annotations/{name}.jpg").rename(source / f"{split}/{name}.jpg")
    (source / "annotations/captions_train2017.json").write_text("{}")
    assert run_import("coco", source, devkit) == 0
    assert lists(devkit) == {"train": ["a"], "val": ["b"]}


def test_a_json_file_per_split_folder(tmp_path: Path) -> None:
    source, devkit = tmp_path / "source", tmp_path / "devkit"
    for split, name in (("train", "a"), ("valid", "b"), ("test", "c")):
        write_coco(source / split / "_annotations.coco.json", [f"{name}.jpg"], [annotation(SQUARE)])
    assert run_import("coco", source, devkit) == 0
    assert lists(devkit) == {"train": ["a"], "val": ["b"], "test": ["c"]}


def test_one_file_with_photos_elsewhere(tmp_path: Path) -> None:
    write_coco(tmp_path / "a.json", ["in/x.jpg", "in/y.jpg"], [annotation(SQUARE)])
    (tmp_path / "in").rename(tmp_path / "photos")
    (tmp_path / "all").mkdir()
    (tmp_path / "photos").rename(tmp_path / "all/in")
    assert run_import("coco", tmp_path / "a.json", tmp_path / "devkit", "--photos", str(tmp_path / "all")) == 0
    assert all_ids(tmp_path / "devkit") == ["in_x", "in_y"]
    assert found(tmp_path / "devkit", "no objects") == ["in/y"]


def test_images_that_cannot_be_taken(tmp_path: Path) -> None:
    source, devkit = tmp_path / "source", tmp_path / "devkit"
    write_photo(tmp_path / "secret.jpg")
    write_coco(source / "a.json", ["x.jpg", "gone.jpg", "small.jpg"], [annotation(SQUARE), annotation(SQUARE, image=9)])
    (source / "gone.jpg").unlink()
    write_photo(source / "small.jpg", size=(3, 3))
    content = json.loads((source / "a.json").read_text())
    for key, name in ((3, "../secret.jpg"), (4, str(tmp_path / "secret.jpg")), (5, None), (0, "again.jpg")):
        content["images"].append({"id": key, "file_name": name})
    (source / "a.json").write_text(json.dumps(content))
    assert run_import("coco", source, devkit) == 0
    assert all_ids(devkit) == ["x"]
    assert found(devkit, "no photo") == ["image_id 9", "gone"]
    assert found(devkit, "size mismatch") == ["small"]
    assert found(devkit, "duplicate id") == ["again.jpg"]
    assert len(found(devkit, "file_name leaves the source or is missing")) == 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "a.json cannot be read as JSON"),
        ("[" * 100_000, "a.json cannot be read as JSON"),
        ("[]", "holds a list, not an object with keys"),
        ('{"categories": 3}', "categories must be a list of objects"),
        ('{"categories": [{"id": 1}]}', r"categories[0] needs an id (a whole number) and a name"),
        ('{"categories": [{"id": 1, "name": "a"}, {"id": 1, "name": "b"}]}', "categories[1] has the id 1"),
        ('{"categories": [], "images": [], "annotations": {}}', "annotations must be a list of objects"),
    ],
)
def test_files_that_are_refused(content: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.json").write_text(content)
    assert run_import("coco", tmp_path / "a.json", tmp_path / "devkit") == EXIT_USAGE
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1


def test_a_folder_without_annotations_and_one_without_photos(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_import("coco", tmp_path, tmp_path.parent / "devkit") == EXIT_USAGE
    assert "contains no JSON file" in capsys.readouterr().err
    write_coco(tmp_path / "source/a.json", ["x.jpg"], [annotation(SQUARE)])
    (tmp_path / "source/x.jpg").unlink()
    assert run_import("coco", tmp_path / "source", tmp_path / "devkit") == EXIT_FAILED
    assert not (tmp_path / "devkit").exists()


@given(st.lists(st.booleans(), min_size=12, max_size=12))
def test_any_compressed_rle_is_read_as_pycocotools_does(pixels: list[bool]) -> None:
    from tfds_voc_seg.importers.shapes import counts_rle

    mask = np.array(pixels, np.uint8).reshape(3, 4).repeat(7, axis=0).repeat(9, axis=1)
    if mask.any():
        np.testing.assert_array_equal(coco_mask.decode(counts_rle(rle(mask), mask.shape)), mask)
