"""A devkit of every format passes `vocseg data check`, which reads all of it by the label set that the import wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from pipeline import cli
from tests.tfds_voc_seg.importers.made_sources import half, run_import, write_mask, write_photo
from tests.tfds_voc_seg.importers.test_street_and_scene_sets import (
    CAR,
    CAR_NUMBER,
    ROAD,
    TREE,
    write_city,
    write_full_scene,
    write_scenes,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

COUNT = 6


def coco(source: Path) -> tuple[str, ...]:
    pytest.importorskip("pycocotools")
    from tests.tfds_voc_seg.importers.test_coco import FULL, SMALL, SQUARE, annotation, box, rle, write_coco

    shapes = [SQUARE, rle(box(1, 1, 5, 5)), SMALL]
    objects = [annotation(shapes[image % 3], 3 + 15 * (image % 2), image) for image in range(COUNT)]
    crowd = annotation(FULL, 3, 0, iscrowd=1)
    write_coco(source / "a.json", [f"{image}.jpg" for image in range(COUNT)], [*objects, crowd])
    return ("coco",)


def labelme(source: Path) -> tuple[str, ...]:
    pytest.importorskip("pycocotools")
    from tests.tfds_voc_seg.importers.test_labelme import SQUARE, shape, write_labelme

    for number in range(COUNT):
        source.mkdir(exist_ok=True)
        write_labelme(source / f"{number}.json", shape("car", SQUARE), image=f"{number}.jpg")
    return ("labelme",)


def cvat(source: Path) -> tuple[str, ...]:
    colors = np.array([[0, 0, 0], [128, 64, 128]], np.uint8)
    for number in range(COUNT):
        write_photo(source / f"JPEGImages/{number}.jpg", seed=number)
        write_mask(source / f"SegmentationClass/{number}.png", colors[half(0, 1)])
    (source / "labelmap.txt").write_text("background:0,0,0::\nroad:128,64,128::\n")
    return ("cvat",)


def binary(source: Path) -> tuple[str, ...]:
    for number in range(COUNT):
        write_photo(source / f"{number}.jpg", seed=number)
        write_mask(source / f"{number}_mask.png", half(0, 255))
    return "folders", "--classes", "background,crack", "--masks", "binary"


def cityscapes(source: Path) -> tuple[str, ...]:
    for number in range(COUNT):
        write_city(source, "val" if number % 3 else "train", f"ulm_{number}", half(ROAD, CAR))
    return ("cityscapes",)


def ade20k(source: Path) -> tuple[str, ...]:
    write_scenes(source)
    return ("ade20k",)


def full_ade20k(source: Path) -> tuple[str, ...]:
    for split in ("training", "validation"):
        write_full_scene(source, f"{split}/urban/street/{split}", TREE, CAR_NUMBER)
    return "ade20k", "--classes", "car,tree"


@pytest.mark.parametrize("write", [coco, labelme, cvat, binary, cityscapes, ade20k, full_ade20k])
def test_the_devkit_of_a_format_passes_the_check(
    write: Callable[[Path], tuple[str, ...]], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    source_format, *options = write(tmp_path / "source")
    devkit = tmp_path / "devkit"
    assert run_import(source_format, tmp_path / "source", devkit, *options) == 0
    assert cli.main(["data", "check", str(devkit)]) == 0
    assert "images are good; no problems" in capfd.readouterr().out
