"""Three real formats, each from its import to the published model and its predictions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest
import yaml
from PIL import Image

from components.saved_model.description import read_description
from pipeline.cli import main
from tests.e2e.drawn_scenes import HEIGHT, WIDTH, Scene, constant_mean_iou, draw_scenes
from tfds_voc_seg.label_set_files import find_label_set

if TYPE_CHECKING:
    from pathlib import Path

    from tfds_voc_seg.label_set import Color

TRAIN, VAL = 24, 8
PRESET = {
    "name": "imported",
    "data": {"image_size": 32, "num_shards": 1},
    "training": {"epochs": 30, "batch_size": 4, "learning_rate": 0.01},
    "candidates": {"tiny": {"network": "unet", "options": {"width": 8, "depth": 1, "dropout": 0.0}}},
}


class Expected(NamedTuple):
    """What a user knows of the source.

    Attributes:
        names: the classes, background first.
        colors: their colours.
        scenes: id in the devkit → scene.
        void: id → bool [HEIGHT, WIDTH], the pixels without a class.
    """

    names: tuple[str, ...]
    colors: tuple[Color, ...]
    scenes: dict[str, Scene]
    void: dict[str, Any]


def check_from_import_to_predictions(command: list[str], devkit: Path, folder: Path, expected: Expected) -> None:
    """Runs the four commands of the README and checks what each of them wrote."""
    assert main(["data", "import", *command]) == 0
    assert main(["data", "check", str(devkit)]) == 0
    _check_devkit(devkit, expected)

    preset = folder / "imported.yaml"
    preset.write_text(yaml.safe_dump(PRESET))
    run = folder / "run"
    assert main(["run", "--preset", str(preset), "--devkit", str(devkit), "--output", str(run)]) == 0
    summary = json.loads((run / "summary.json").read_text())
    assert summary["published"], summary["reason"]
    val = (devkit / "ImageSets/Segmentation/val.txt").read_text().split()
    chance = constant_mean_iou([expected.scenes[image_id] for image_id in val])
    assert summary["candidates"]["tiny"]["mean_iou"] > chance + 0.2
    assert list(summary["candidates"]["tiny"]["per_class_iou"]) == list(expected.names)
    channels = read_description(summary["published"]).channels
    assert (channels.names, channels.colors) == (expected.names, expected.colors)
    page = (run / "report/index.html").read_text()
    for name, color in zip(expected.names[1:], expected.colors[1:], strict=True):
        assert name in page
        assert "#{:02x}{:02x}{:02x}".format(*color) in page

    photos, output = devkit / "JPEGImages", folder / "predictions"
    assert (
        main(["predict", str(run), *(str(next(photos.glob(f"{name}.*"))) for name in val), "--output", str(output)])
        == 0
    )
    right = 0.0
    for image_id in val:
        predicted = _read_mask(output / f"class_maps/{image_id}.png", expected.colors)
        valid = ~expected.void[image_id]
        right += (predicted == expected.scenes[image_id].classes)[valid].mean() / len(val)
        with Image.open(output / f"overlays/{image_id}.png") as overlay:
            assert overlay.width >= WIDTH
    assert right > 0.7


def _check_devkit(devkit: Path, expected: Expected) -> None:
    labels = find_label_set(devkit)
    assert (labels.names, labels.colors, labels.background) == (expected.names, expected.colors, expected.names[0])
    lists = {file.stem: file.read_text().split() for file in (devkit / "ImageSets/Segmentation").iterdir()}
    assert {split: len(ids) for split, ids in lists.items()} == {"train": TRAIN, "val": VAL}
    assert sorted(lists["train"] + lists["val"]) == sorted(expected.scenes)
    for image_id, scene in expected.scenes.items():
        classes = np.where(expected.void[image_id], 255, scene.classes)
        np.testing.assert_array_equal(
            _read_mask(devkit / f"SegmentationClass/{image_id}.png", expected.colors), classes
        )


def _read_mask(file: Path, colors: tuple[Color, ...]) -> Any:
    """Reads the indices of a palette PNG whose palette must begin with the colours of the classes."""
    with Image.open(file) as mask:
        assert mask.size == (WIDTH, HEIGHT)
        palette = np.array(mask.getpalette()).reshape(-1, 3)
        assert [tuple(color) for color in palette[: len(colors)].tolist()] == list(colors)
        return np.array(mask)


def _write(file: Path, pixels: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(file)


@pytest.mark.slow
def test_coco_with_polygons_rle_and_a_crowd(tmp_path: Path) -> None:
    from pycocotools import mask as coco_mask

    scenes = draw_scenes(TRAIN + VAL)
    source, devkit = tmp_path / "coco", tmp_path / "devkit"
    void, expected_scenes = {}, {}
    for split, chosen in (("train", scenes[:TRAIN]), ("val", scenes[TRAIN:])):
        images, annotations = [], []
        for number, scene in enumerate(chosen):
            image_id = f"{split}_{number}"
            _write(source / f"{split}2017/{image_id}.png", scene.photo)
            images.append({"id": number, "file_name": f"{image_id}.png", "height": HEIGHT, "width": WIDTH})
            bottom = np.zeros((HEIGHT, WIDTH), np.uint8)
            bottom[-4:] = 1
            crowd = {"size": [HEIGHT, WIDTH], "counts": coco_mask.encode(np.asfortranarray(bottom))["counts"].decode()}
            annotations.append({"image_id": number, "category_id": 7, "iscrowd": 1, "segmentation": crowd})
            for position, box in enumerate(scene.rectangles):
                polygon = [box.left, box.top, box.right, box.top, box.right, box.bottom, box.left, box.bottom]
                shape: Any = [polygon]
                if position % 2:
                    shape = coco_mask.frPyObjects([polygon], HEIGHT, WIDTH)[0]
                    shape = {"size": [HEIGHT, WIDTH], "counts": shape["counts"].decode()}
                annotations.append({"image_id": number, "category_id": 6 + box.class_id, "segmentation": shape})
            expected_scenes[image_id] = scene
            void[image_id] = (bottom == 1) & (scene.classes == 0)
        content = {
            "images": images,
            "annotations": annotations,
            "categories": [{"id": 8, "name": "truck"}, {"id": 7, "name": "tractor"}],
        }
        file = source / f"annotations/instances_{split}2017.json"
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(content))
    colors = ((0, 0, 0), (128, 0, 0), (0, 128, 0))  # VOC's first ones: COCO has no colours
    expected = Expected(("background", "tractor", "truck"), colors, expected_scenes, void)
    check_from_import_to_predictions(["coco", str(source), str(devkit)], devkit, tmp_path, expected)


@pytest.mark.slow
def test_folders_with_rgb_masks_and_a_label_set(tmp_path: Path) -> None:
    scenes = draw_scenes(TRAIN + VAL)
    source, devkit = tmp_path / "fields", tmp_path / "devkit"
    colors = np.array([[111, 74, 0], [0, 180, 60], [220, 20, 160]], np.uint8)
    for number, scene in enumerate(scenes):
        _write(source / f"images/{number}.png", scene.photo)
        mask = colors[scene.classes]
        mask[0] = 255
        _write(source / f"masks/{number}.png", mask)
    (source / "labels.yaml").write_text(
        "classes:\n- {name: soil, color: [111, 74, 0]}\n- {name: crop, color: [0, 180, 60]}\n"
        "- {name: weed, color: [220, 20, 160]}\nbackground: soil\nvoid: {colors: [[255, 255, 255]]}\n"
    )
    void = np.zeros((HEIGHT, WIDTH), bool)
    void[0] = True
    names = {str(number): scene for number, scene in enumerate(scenes)}
    chosen = tuple((int(red), int(green), int(blue)) for red, green, blue in colors)
    expected = Expected(("soil", "crop", "weed"), chosen, names, dict.fromkeys(names, void))
    command = ["folders", str(source), str(devkit), "--val", "0.25", "--seed", "1"]
    check_from_import_to_predictions(command, devkit, tmp_path, expected)


@pytest.mark.slow
def test_binary_masks_of_0_and_255(tmp_path: Path) -> None:
    scenes = draw_scenes(TRAIN + VAL, class_ids=(1,))
    source, devkit = tmp_path / "cracks", tmp_path / "devkit"
    names = {}
    for number, scene in enumerate(scenes):
        split = "train" if number < TRAIN else "val"
        _write(source / f"{split}/{number}.png", scene.photo)
        _write(source / f"{split}/{number}_mask.png", np.where(scene.classes, np.uint8(255), np.uint8(0)))
        names[str(number)] = scene
    void = np.zeros((HEIGHT, WIDTH), bool)
    expected = Expected(("background", "crack"), ((0, 0, 0), (128, 0, 0)), names, dict.fromkeys(names, void))
    command = ["folders", str(source), str(devkit), "--classes", "background,crack", "--masks", "binary"]
    check_from_import_to_predictions(command, devkit, tmp_path, expected)
