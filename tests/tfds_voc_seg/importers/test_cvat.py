"""Import of CVAT's two exports."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from pipeline.commands.terminal import EXIT_USAGE
from tests.tfds_voc_seg.importers.made_sources import (
    HEIGHT,
    WIDTH,
    all_ids,
    found,
    half,
    lists,
    read_devkit_mask,
    run_import,
    write_mask,
    write_photo,
)
from tfds_voc_seg.label_set_files import find_label_set

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

pytest.importorskip("pycocotools")

LABELS = "<label><name>car</name><color>#010203</color></label><label><name>road</name><color>#804080</color></label>"


def write_export(source: Path, *shapes: str, labels: str = LABELS) -> None:
    """Writes an export "CVAT for images 1.1" of one image with the given shapes."""
    image = f'<image id="0" name="in/x.jpg" width="{WIDTH}" height="{HEIGHT}" subset="Train">{"".join(shapes)}</image>'
    meta = f"<meta><task><labels>{labels}</labels></task></meta>"
    source.mkdir()
    (source / "annotations.xml").write_text(f"<annotations><version>1.1</version>{meta}{image}</annotations>")
    write_photo(source / "images/in/x.jpg")


def box(top: int, left: int, bottom: int, right: int, value: int = 1) -> NDArray[np.uint8]:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[top:bottom, left:right] = value
    return mask


@pytest.mark.parametrize(
    "shape",
    [
        '<polygon label="car" points="1,1;5,1;5,5;1,5" z_order="0"/>',
        '<box label="car" xtl="1" ytl="1" xbr="5" ybr="5"/>',
        '<mask label="car" left="1" top="1" width="4" height="4" rle="0, 16"/>',
        '<mask label="car" left="0" top="1" width="5" height="4" rle="1, 4, 1, 4, 1, 4, 1, 4"/>',
    ],
)
def test_shapes_of_the_xml_export(shape: str, tmp_path: Path) -> None:
    write_export(tmp_path / "source", shape)
    assert run_import("cvat", tmp_path / "source", tmp_path / "devkit") == 0
    np.testing.assert_array_equal(read_devkit_mask(tmp_path / "devkit", "in_x"), box(1, 1, 5, 5))
    labels = find_label_set(tmp_path / "devkit")
    assert labels.names == ("background", "car", "road")
    assert labels.colors == ((0, 0, 0), (1, 2, 3), (128, 64, 128))


def test_an_ellipse(tmp_path: Path) -> None:
    write_export(tmp_path / "source", '<ellipse label="road" cx="4" cy="3" rx="3" ry="2"/>')
    assert run_import("cvat", tmp_path / "source", tmp_path / "devkit") == 0
    mask = read_devkit_mask(tmp_path / "devkit", "in_x")
    rows, columns = np.indices(mask.shape) + 0.5
    inside = ((columns - 4) / 3) ** 2 + ((rows - 3) / 2) ** 2
    assert (mask[inside < 0.7] == 2).all()
    assert (mask[inside > 1.4] == 0).all()


def test_the_order_of_shapes(tmp_path: Path) -> None:
    first = '<box label="car" xtl="1" ytl="1" xbr="5" ybr="5" z_order="1"/>'
    second = f'<box label="road" xtl="0" ytl="0" xbr="{WIDTH}" ybr="{HEIGHT}" z_order="0"/>'
    third = '<box label="road" xtl="2" ytl="2" xbr="3" ybr="3" z_order="1"/>'
    write_export(tmp_path / "source", first, second, third)
    assert run_import("cvat", tmp_path / "source", tmp_path / "devkit") == 0
    expected = np.full((HEIGHT, WIDTH), 2)
    expected[1:5, 1:5] = 1
    expected[2, 2] = 2
    np.testing.assert_array_equal(read_devkit_mask(tmp_path / "devkit", "in_x"), expected)


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ('<polyline label="car" points="1,1;2,2"/>', "shape without an area"),
        ('<polygon label="car" points="1,1;2"/>', "invalid coordinates"),
        ('<polygon label="car"/>', "invalid coordinates"),
        ('<box label="car" xtl="inf" ytl="1" xbr="5" ybr="5"/>', "invalid coordinates"),
        ('<mask label="car" left="0" top="0" width="4" height="4" rle="1, 4"/>', "invalid RLE"),
        ('<mask label="car" left="0" top="0" width="9999999" height="9999999" rle="1"/>', "invalid RLE"),
        ('<mask label="car" left="0" top="0" width="2" height="1" rle="0.5, 1.5"/>', "invalid RLE"),
        ('<mask label="car" left="99" top="0" width="2" height="1" rle="0, 2"/>', "outside the image"),
        ('<box label="plane" xtl="1" ytl="1" xbr="5" ybr="5"/>', "unknown class"),
    ],
)
def test_shapes_that_cannot_be_taken(shape: str, reason: str, tmp_path: Path) -> None:
    write_export(tmp_path / "source", shape, '<box label="car" xtl="1" ytl="1" xbr="5" ybr="5"/>')
    assert run_import("cvat", tmp_path / "source", tmp_path / "devkit") == 0
    np.testing.assert_array_equal(read_devkit_mask(tmp_path / "devkit", "in_x"), box(1, 1, 5, 5))
    assert found(tmp_path / "devkit", reason) == ["in/x"]


def test_labels_without_colours_get_those_of_voc(tmp_path: Path) -> None:
    write_export(tmp_path / "source", '<box label="b" xtl="1" ytl="1" xbr="5" ybr="5"/>', labels="")
    assert run_import("cvat", tmp_path / "source", tmp_path / "devkit") == 0
    assert find_label_set(tmp_path / "devkit").colors == ((0, 0, 0), (128, 0, 0))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<annotations>", "cannot be read as XML"),
        ("<annotations/>", "contains no image"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><annotations>&b;</annotations>', "cannot be read as XML"),
        (
            '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><annotations>&b;</annotations>',
            "cannot be read as XML",
        ),
    ],
)
def test_xml_that_is_refused(text: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source/annotations.xml").write_text(text)
    assert run_import("cvat", tmp_path / "source", tmp_path / "devkit") == EXIT_USAGE
    assert message in capsys.readouterr().err


def test_names_that_leave_the_source_are_refused(tmp_path: Path) -> None:
    write_export(tmp_path / "source", '<box label="car" xtl="1" ytl="1" xbr="5" ybr="5"/>')
    file = tmp_path / "source/annotations.xml"
    stolen = f'<image id="1" name="{tmp_path}/secret.jpg"/><image id="2" name="../../secret.jpg"/></annotations>'
    file.write_text(file.read_text().replace("</annotations>", stolen))
    write_photo(tmp_path / "secret.jpg")
    assert run_import("cvat", tmp_path / "source", tmp_path / "devkit") == 0
    assert all_ids(tmp_path / "devkit") == ["in_x"]
    assert len(found(tmp_path / "devkit", "name leaves the source or is missing")) == 2


def test_the_export_of_masks(tmp_path: Path) -> None:
    source = tmp_path / "source"
    colors = np.array([[0, 0, 0], [128, 64, 128], [5, 5, 5]], np.uint8)
    for number in range(5):
        write_photo(source / f"JPEGImages/{number}.jpg", seed=number)
        write_mask(source / f"SegmentationClass/{number}.png", colors[half(0, 1)])
        write_mask(source / f"SegmentationObject/{number}.png", colors[half(0, 2)])
    (source / "labelmap.txt").write_text("# label:color_rgb:parts:actions\nbackground:0,0,0::\nroad:128,64,128::\n")
    (source / "ImageSets/Segmentation").mkdir(parents=True)
    (source / "ImageSets/Segmentation/default.txt").write_text("0\n1\n2\n3\n4\n")
    assert run_import("cvat", source, tmp_path / "devkit") == 0
    assert {split: len(ids) for split, ids in lists(tmp_path / "devkit").items()} == {"train": 4, "val": 1}
    np.testing.assert_array_equal(read_devkit_mask(tmp_path / "devkit", "3"), half(0, 1))
    labels = find_label_set(tmp_path / "devkit")
    assert (labels.names, labels.colors[1], labels.masks) == (("background", "road"), (128, 64, 128), "index")


def test_another_folder_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "source").mkdir()
    assert run_import("cvat", tmp_path / "source", tmp_path / "devkit") == EXIT_USAGE
    assert "contains neither labelmap.txt" in capsys.readouterr().err
