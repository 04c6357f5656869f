"""The embedded sample is a complete, deterministic devkit whose classes cannot be told apart by colour alone."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from tfds_voc_seg.labels import VOC_CLASSES, VOID, voc_palette
from tfds_voc_seg.sample.devkit import write_sample_devkit
from tfds_voc_seg.sample.scenes import SAMPLE_CLASSES
from tfds_voc_seg.sample.style import SceneStyle

if TYPE_CHECKING:
    from pathlib import Path

TRAIN, VAL = 70, 20
CLASS_IDS = [VOC_CLASSES.index(name) for name in ("background", *SAMPLE_CLASSES)]


@pytest.fixture(scope="module")
def devkit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample") / "VOCdevkit" / "VOC2012"
    write_sample_devkit(folder, train_images=TRAIN, val_images=VAL)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def ids(devkit: Path, split: str) -> list[str]:
    return (devkit / "ImageSets" / "Segmentation" / f"{split}.txt").read_text().splitlines()


def photo(devkit: Path, image_id: str) -> np.ndarray:
    return np.asarray(Image.open(devkit / "JPEGImages" / f"{image_id}.jpg"))


def mask(devkit: Path, image_id: str, folder: str = "SegmentationClass") -> np.ndarray:
    return np.asarray(Image.open(devkit / folder / f"{image_id}.png"))


def annotation(devkit: Path, image_id: str) -> ElementTree.Element:
    return ElementTree.parse(devkit / "Annotations" / f"{image_id}.xml").getroot()


def test_the_seed_determines_the_bytes(tmp_path: Path) -> None:
    for name, seed in {"one": 3, "again": 3, "other": 4}.items():
        write_sample_devkit(tmp_path / name, train_images=4, val_images=2, seed=seed)
    one, again, other = (contents(tmp_path / name) for name in ("one", "again", "other"))
    assert one == again
    assert one.keys() == other.keys()
    photos = [name for name in one if name.endswith(".jpg")]
    assert all(one[name] != other[name] for name in photos)
    assert len({one[name] for name in photos}) == len(photos)


def test_a_larger_split_contains_the_images_of_a_smaller_one(tmp_path: Path, devkit: Path) -> None:
    write_sample_devkit(tmp_path / "small", train_images=3, val_images=2)
    whole = contents(devkit)
    for name, data in contents(tmp_path / "small").items():
        if name.startswith("ImageSets"):
            if not name.endswith("trainval.txt"):
                assert whole[name].startswith(data)
        else:
            assert whole[name] == data


def test_lists_are_disjoint_and_name_every_file(devkit: Path) -> None:
    train, val = ids(devkit, "train"), ids(devkit, "val")
    assert (len(train), len(val)) == (TRAIN, VAL)
    assert not set(train) & set(val)
    assert ids(devkit, "trainval") == train + val == sorted(train + val)
    for folder in ("JPEGImages", "SegmentationClass", "SegmentationObject", "Annotations"):
        assert sorted(path.stem for path in (devkit / folder).iterdir()) == train + val
    assert sorted(path.name for path in devkit.parent.iterdir()) == ["VOC2012"]


def test_photos_and_masks_have_the_formats_of_voc(devkit: Path) -> None:
    for image_id in ids(devkit, "trainval"):
        picture = Image.open(devkit / "JPEGImages" / f"{image_id}.jpg")
        assert (picture.format, picture.mode) == ("JPEG", "RGB")
        for folder in ("SegmentationClass", "SegmentationObject"):
            png = Image.open(devkit / folder / f"{image_id}.png")
            assert (png.format, png.mode, png.size) == ("PNG", "P", picture.size)
            assert png.getpalette() == voc_palette()


def test_masks_contain_the_sample_classes_and_void(devkit: Path) -> None:
    for image_id in ids(devkit, "trainval"):
        class_mask, instances = mask(devkit, image_id), mask(devkit, image_id, "SegmentationObject")
        assert set(np.unique(class_mask)) <= {*CLASS_IDS, VOID}
        np.testing.assert_array_equal(class_mask == VOID, instances == VOID)
        np.testing.assert_array_equal(class_mask == 0, instances == 0)
        names = [item.findtext("name") for item in annotation(devkit, image_id).iter("object")]
        assert set(np.unique(instances)) == {*range(len(names) + 1), VOID}
        for number, name in enumerate(names, start=1):
            assert np.unique(class_mask[instances == number]).tolist() == [VOC_CLASSES.index(name or "")]


def test_void_separates_every_object_from_its_surroundings(devkit: Path) -> None:
    shares = []
    for image_id in ids(devkit, "trainval"):
        instances = mask(devkit, image_id, "SegmentationObject")
        for one, other in ((instances[1:], instances[:-1]), (instances[:, 1:], instances[:, :-1])):
            assert not ((one != other) & (one != VOID) & (other != VOID)).any()
        shares.append((instances == VOID).mean())
    assert min(shares) > 0
    assert 0.03 < np.mean(shares) < 0.1  # VOC has about 5 % void


def test_annotations_give_image_size_and_visible_extent(devkit: Path) -> None:
    truncated = []
    for image_id in ids(devkit, "trainval"):
        root = annotation(devkit, image_id)
        height, width, depth = photo(devkit, image_id).shape
        assert [int(root.findtext(f"size/{name}", "")) for name in ("width", "height", "depth")] == [
            width,
            height,
            depth,
        ]
        assert root.findtext("filename") == f"{image_id}.jpg"
        assert root.findtext("folder") == "VOC2012"
        assert root.findtext("segmented") == "1"
        instances = mask(devkit, image_id, "SegmentationObject")
        for number, item in enumerate(root.iter("object"), start=1):
            assert all(item.findtext(name) for name in ("name", "pose", "occluded", "difficult"))
            box = [int(item.findtext(f"bndbox/{name}", "")) for name in ("xmin", "ymin", "xmax", "ymax")]
            rows, columns = np.nonzero(instances == number)
            # The box contains all pixels of the object that are not void; object or void pixels touch each side.
            assert box[0] <= columns.min() + 1
            assert box[1] <= rows.min() + 1
            assert box[2] >= columns.max() + 1
            assert box[3] >= rows.max() + 1
            visible = np.isin(instances[box[1] - 1 : box[3], box[0] - 1 : box[2]], (number, VOID))
            assert all(edge.any() for edge in (visible[0], visible[-1], visible[:, 0], visible[:, -1]))
            assert 1 <= box[0] < box[2] <= width
            assert 1 <= box[1] < box[3] <= height
            truncated.append(item.findtext("truncated"))
    assert set(truncated) == {"0", "1"}


def test_boxes_end_within_the_void_border_of_whole_objects(devkit: Path) -> None:
    gaps = []
    for image_id in ids(devkit, "trainval"):
        instances = mask(devkit, image_id, "SegmentationObject")
        for number, item in enumerate(annotation(devkit, image_id).iter("object"), start=1):
            box = [int(item.findtext(f"bndbox/{name}", "")) for name in ("xmin", "ymin", "xmax", "ymax")]
            rows, columns = np.nonzero(instances == number)
            extent = [columns.min() + 1, rows.min() + 1, columns.max() + 1, rows.max() + 1]
            gaps.append(np.abs(np.subtract(box, extent)))
    # Void covers thin tips, such as those of wings and hands, completely; elsewhere it covers one or two pixels.
    assert np.median(gaps) <= 2
    assert np.mean(np.array(gaps) <= 3) > 0.9


def test_sizes_and_shapes_of_images_vary(devkit: Path) -> None:
    sizes = {photo(devkit, image_id).shape[:2] for image_id in ids(devkit, "train")}
    assert len(sizes) > TRAIN / 2
    assert any(height > width for height, width in sizes)
    assert any(height < width for height, width in sizes)
    assert any(height % 2 or width % 2 for height, width in sizes)
    style = SceneStyle()
    assert all(style.long_side[0] <= max(size) <= style.long_side[1] for size in sizes)


@pytest.mark.parametrize("split", ["train", "val"])
def test_the_classes_have_similar_numbers_of_pixels(devkit: Path, split: str) -> None:
    pixels = np.zeros(256, np.int64)
    for image_id in ids(devkit, split):
        pixels += np.bincount(mask(devkit, image_id).ravel(), minlength=256)
    foreground = pixels[CLASS_IDS[1:]] / pixels[CLASS_IDS[1:]].sum()
    assert foreground.min() > 0.08
    assert foreground.max() < 0.4


def test_every_class_is_in_any_five_images(tmp_path: Path) -> None:
    write_sample_devkit(tmp_path / "tiny", train_images=1, val_images=5)
    seen = {
        int(value)
        for image_id in ids(tmp_path / "tiny", "val")
        for value in np.unique(mask(tmp_path / "tiny", image_id))
    }
    assert seen == {*CLASS_IDS, VOID}


@pytest.mark.parametrize("balanced", [False, True])
def test_colours_alone_do_not_identify_the_classes(devkit: Path, balanced: bool) -> None:
    """Predicts the most probable class of each of 16 × 16 × 16 colours, counted on train; its IoU on val is low."""
    index_of_class = np.full(256, -1)
    index_of_class[CLASS_IDS] = range(len(CLASS_IDS))

    def colours_and_labels(split: str) -> tuple[np.ndarray, np.ndarray]:
        colours, labels = [], []
        for image_id in ids(devkit, split):
            valid = mask(devkit, image_id) != VOID
            red, green, blue = (photo(devkit, image_id)[valid] // 16).astype(int).T
            colours.append((red * 16 + green) * 16 + blue)
            labels.append(index_of_class[mask(devkit, image_id)[valid]])
        return np.concatenate(colours), np.concatenate(labels)

    def counts(rows: np.ndarray, columns: np.ndarray, number_of_rows: int) -> np.ndarray:
        flat = np.bincount(rows * len(CLASS_IDS) + columns, minlength=number_of_rows * len(CLASS_IDS))
        return flat.reshape(number_of_rows, len(CLASS_IDS)).astype(float)

    table = counts(*colours_and_labels("train"), number_of_rows=16**3)
    if balanced:  # equal weights of all classes give the foreground classes their best IoU
        table /= table.sum(axis=0)
    colours, labels = colours_and_labels("val")
    confusion = counts(labels, table.argmax(axis=1)[colours], number_of_rows=len(CLASS_IDS))
    hits = np.diag(confusion)
    iou = hits / (confusion.sum(axis=0) + confusion.sum(axis=1) - hits)
    assert iou[1:].max() < 0.2
    assert iou.mean() < 0.22


def test_progress_is_reported_after_each_image(tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    write_sample_devkit(
        tmp_path / "new", train_images=2, val_images=1, on_image=lambda done, total: calls.append((done, total))
    )
    assert calls == [(1, 3), (2, 3), (3, 3)]


def test_an_empty_folder_is_filled_and_any_other_rejected(tmp_path: Path) -> None:
    folder = tmp_path / "devkit"
    folder.mkdir()
    write_sample_devkit(folder, train_images=1, val_images=1)
    before = contents(folder)
    with pytest.raises(ValueError, match="is not an empty folder"):
        write_sample_devkit(folder, train_images=2, val_images=1)
    assert contents(folder) == before
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="is not an empty folder"):
        write_sample_devkit(tmp_path / "file", train_images=1, val_images=1)


def test_an_interrupted_write_leaves_nothing_behind(tmp_path: Path) -> None:
    def interrupt(done: int, _: int) -> None:
        assert not (tmp_path / "devkit").exists()
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_sample_devkit(tmp_path / "devkit", train_images=3, val_images=1, on_image=interrupt)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("wrong", [{"train_images": 0}, {"val_images": 0}, {"train_images": 100_001}, {"seed": -1}])
def test_numbers_out_of_range_are_rejected(tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"Each split must have 1 to|must not be negative"):
        write_sample_devkit(tmp_path / "devkit", **wrong)
    assert list(tmp_path.iterdir()) == []


def test_style_changes_the_scenes(tmp_path: Path) -> None:
    plain = SceneStyle(object_count_odds=(1.0,), truncation_chance=0.0, long_side=(64, 64), aspect_ratios=(1.0,))
    write_sample_devkit(tmp_path / "devkit", train_images=4, val_images=1, style=plain)
    for image_id in ids(tmp_path / "devkit", "trainval"):
        assert photo(tmp_path / "devkit", image_id).shape == (64, 64, 3)
        assert len(list(annotation(tmp_path / "devkit", image_id).iter("object"))) == 1


def test_import_needs_no_tensorflow() -> None:
    program = "import sys, tfds_voc_seg.sample.devkit; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
