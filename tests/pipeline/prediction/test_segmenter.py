"""`load_segmenter(model)(photo)` computes the same class map as the pipeline, from any kind of photo."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from components.saved_model.serving_folder import ModelNotFoundError
from pipeline.engines.engine import ModelError
from pipeline.prediction import segmenter as segmenter_module
from pipeline.prediction.photos.reading import PhotoError
from pipeline.prediction.segmenter import Segmenter, load_segmenter
from tests.pipeline.prediction.conftest import SIZE
from tests.pipeline.prediction.odd_images import encoded, pixels
from tfds_voc_seg.geometry import Geometry
from tfds_voc_seg.label_set import VOC_LABELS
from tfds_voc_seg.labels import VOC_CLASSES, voc_palette
from tfds_voc_seg.photos import resize_photo
from tfds_voc_seg.pictures import class_colour

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

PHOTO = pixels(50, 70)


def _scores(run_folder: Path, photo: NDArray[np.uint8]) -> tf.Tensor:
    model = tf.saved_model.load(str(run_folder / "serving/7"))
    resized = resize_photo(tf.constant(photo), SIZE)
    return tf.image.resize(model.signatures["score_images"](images=resized[tf.newaxis])["scores"], photo.shape[:2])[0]


def test_the_class_map_is_the_argmax_at_the_photos_own_size(segmenter: Segmenter, run_folder: Path) -> None:
    result = segmenter(PHOTO)
    scores = _scores(run_folder, PHOTO)
    assert len(np.unique(result.class_map)) > 2
    assert (str(result.class_map.dtype), result.class_map.shape) == ("uint8", (50, 70))
    np.testing.assert_array_equal(result.class_map, np.argmax(scores, axis=-1))
    assert (str(result.probabilities.dtype), result.probabilities.shape) == ("float32", (50, 70, len(VOC_CLASSES)))
    np.testing.assert_allclose(result.probabilities, tf.nn.softmax(scores), atol=1e-5)
    assert result.probabilities is result.probabilities  # computed once


def test_all_sources_give_the_same_class_map(segmenter: Segmenter, tmp_path: Path) -> None:
    content = encoded(PHOTO, "PNG")
    (tmp_path / "photo.png").write_bytes(content)
    expected = segmenter(PHOTO).class_map
    for source in (content, tmp_path / "photo.png", str(tmp_path / "photo.png"), Image.fromarray(PHOTO)):
        np.testing.assert_array_equal(segmenter(source).class_map, expected)


def test_classes_size_and_palette_are_read_from_the_model(segmenter: Segmenter) -> None:
    assert segmenter.class_names == VOC_CLASSES
    assert segmenter.image_size == SIZE
    assert segmenter.palette[15] == class_colour("person", VOC_LABELS)


def test_a_batch_of_frames_gives_the_same_as_single_photos(segmenter: Segmenter) -> None:
    for height, width in ((50, 70), (100, 150)):  # scores enlarged slightly, and much
        frames = [pixels(height, width), 255 - pixels(height, width), np.zeros((height, width, 3), np.uint8)]
        maps = segmenter.segment_batch(frames)
        assert (str(maps.dtype), maps.shape) == ("uint8", (3, height, width))
        for frame, class_map in zip(frames, maps, strict=True):
            np.testing.assert_array_equal(segmenter(frame).class_map, class_map)
        np.testing.assert_array_equal(segmenter.segment_batch(np.stack(frames)), maps)
    assert segmenter.segment_batch(np.zeros((0, 5, 6, 3), np.uint8)).shape == (0, 5, 6)


def test_photos_of_several_sizes_share_a_run(segmenter: Segmenter) -> None:
    photos = [pixels(30, 90), pixels(64, 64), pixels(9, 5)]
    for photo, result in zip(photos, segmenter.segment_photos(photos, tile=64), strict=True):
        np.testing.assert_array_equal(result.class_map, segmenter(photo, tile=64).class_map)


def test_threads_can_share_a_segmenter(segmenter: Segmenter) -> None:
    photos = [np.roll(PHOTO, shift, axis=1) for shift in range(12)]
    with ThreadPoolExecutor(4) as threads:
        together = [*threads.map(lambda photo: segmenter(photo).class_map, photos)]
    for photo, class_map in zip(photos, together, strict=True):
        np.testing.assert_array_equal(segmenter(photo).class_map, class_map)


def test_augmented_probabilities_are_averages_and_nearly_mirror_invariant(segmenter: Segmenter) -> None:
    plain, augmented = segmenter(PHOTO), segmenter(PHOTO, tta=True)
    assert augmented.probabilities.shape == plain.probabilities.shape
    np.testing.assert_allclose(augmented.probabilities.sum(axis=-1), 1, atol=1e-5)
    np.testing.assert_array_equal(augmented.class_map, augmented.probabilities.argmax(axis=-1))
    assert not np.allclose(augmented.probabilities, plain.probabilities, atol=1e-3)

    def difference(**options: bool) -> float:
        """Returns how much the result for the mirrored photo differs from the mirrored result."""
        mirrored = segmenter(PHOTO[:, ::-1], **options).probabilities[:, ::-1]
        return float(np.abs(mirrored - segmenter(PHOTO, **options).probabilities).max())

    assert difference(tta=True) < 0.05 * difference()


def test_the_longest_side_depends_on_how_a_photo_is_resized(
    segmenter: Segmenter, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = encoded(pixels(1, 25_000), "PNG")
    monkeypatch.setattr(Segmenter, "geometry", Geometry(2_000))
    assert segmenter.read(content).shape == segmenter.read(content, 500, tta=True).shape == (1, 25_000, 3)
    with pytest.raises(PhotoError, match="is 25,000 × 1 pixels, and a side may have 22,369"):
        segmenter.read(content, tta=True)


def test_a_wide_photo_is_tiled_by_columns_if_its_rows_need_much_memory(
    segmenter: Segmenter, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = np.random.default_rng(5).integers(0, 256, (60, 150, 3), np.uint8)
    by_rows = segmenter(photo, tile=40)
    column_bytes = 40 * 60 * len(segmenter.class_names) * 4
    monkeypatch.setattr(segmenter_module, "_MAX_ROW_BYTES", column_bytes)
    by_columns = segmenter(photo, tile=40)
    assert by_columns.class_map.shape == (60, 150)
    assert (by_columns.class_map == by_rows.class_map).mean() > 0.999  # sums are rounded in another order
    monkeypatch.setattr(segmenter_module, "_MAX_ROW_BYTES", column_bytes - 1)
    with pytest.raises(PhotoError, match=r"needs 0 MiB for a row of tiles, .* choose smaller tiles with --tile-size"):
        segmenter(photo, tile=40)


def test_a_tile_is_segmented_like_a_photo_of_its_size(segmenter: Segmenter) -> None:
    photo = pixels(130, 90)
    tiled = segmenter(photo, tile=50)
    np.testing.assert_allclose(tiled.probabilities.sum(axis=-1), 1, atol=1e-5)
    np.testing.assert_array_equal(tiled.class_map, tiled.probabilities.argmax(axis=-1))
    corner = segmenter(photo[:50, :50]).probabilities
    np.testing.assert_allclose(tiled.probabilities[:20, :20], corner[:20, :20], atol=1e-5)  # covered by one tile
    np.testing.assert_array_equal(segmenter(photo, tile=130).class_map, segmenter(photo).class_map)
    with pytest.raises(ValueError, match="the side of a tile must be at least 1 pixel, not 0"):
        segmenter(photo, tile=0)


def test_probabilities_of_huge_photos_are_recomputed_on_access(
    segmenter: Segmenter, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = pixels(80, 120)
    kept = segmenter(photo, tile=40, tta=True)
    monkeypatch.setattr("pipeline.prediction.segmenter._MAX_KEPT_BYTES", 0)
    again = segmenter(photo, tile=40, tta=True)
    np.testing.assert_allclose(again.probabilities, kept.probabilities, atol=1e-6)


def test_pixel_shares_and_mask(segmenter: Segmenter) -> None:
    result = segmenter(PHOTO)
    assert sum(result.pixel_shares.values()) == pytest.approx(1)
    for name, share in result.pixel_shares.items():
        assert share == pytest.approx((result.class_map == VOC_CLASSES.index(name)).mean())
    mask = result.mask()
    assert (mask.mode, mask.size) == ("P", (70, 50))
    assert mask.getpalette() == voc_palette()
    np.testing.assert_array_equal(np.asarray(mask), result.class_map)


def test_the_mask_of_a_model_with_few_classes_has_vocs_ids(export_model: Callable[..., Path], tmp_path: Path) -> None:
    segmenter = load_segmenter(export_model(tmp_path / "1", ("background", "person", "zebra", "dog")))
    result = segmenter(PHOTO)
    assert len(np.unique(result.class_map)) > 1
    np.testing.assert_array_equal(np.asarray(result.mask()), np.array([0, 15, 21, 12])[result.class_map])
    picture = np.asarray(result.overlay(1, legend=False))
    for channel, name in ((1, "person"), (3, "dog")):
        assert (picture[result.class_map == channel] == class_colour(name, VOC_LABELS)).all()
    assert result.overlay().height > 50  # the legend can show a class that is not in VOC


def test_overlays_depend_on_alpha_legend_and_contours(segmenter: Segmenter) -> None:
    result = segmenter(PHOTO)
    np.testing.assert_array_equal(result.overlay(0, legend=False), PHOTO)
    painted = np.asarray(result.overlay(1, legend=False))
    for index in np.unique(result.class_map[result.class_map > 0]):
        assert (painted[result.class_map == index] == class_colour(VOC_CLASSES[index], VOC_LABELS)).all()
    outlined = np.asarray(result.overlay(0, legend=False, contours=True))
    changed = (outlined != PHOTO).any(axis=-1)
    assert 0 < changed.mean() < 0.9
    assert result.overlay().size[0] == 70
    assert result.overlay().size[1] > 50
    with pytest.raises(ValueError, match="alpha must be between 0 and 1, not 2"):
        result.overlay(2)


def test_a_model_is_found_in_run_folder_publishing_folder_and_version_folder(run_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(run_folder / "serving/7", tmp_path / "serving/9")
    shutil.copytree(run_folder / "serving/7", tmp_path / "serving/10")
    (tmp_path / "serving/9/assets/segmentation.json").unlink()  # loading version 9 would fail
    for folder in (tmp_path, tmp_path / "serving", str(tmp_path / "serving/10")):
        assert load_segmenter(folder).class_names == VOC_CLASSES


def test_folders_without_a_usable_model_are_refused(run_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="holds no model: name a SavedModel, a publishing folder"):
        load_segmenter(tmp_path)

    def refused(name: str, file: str, content: bytes | None) -> Any:
        folder = tmp_path / name
        shutil.copytree(run_folder / "serving/7", folder)
        (folder / file).unlink() if content is None else (folder / file).write_bytes(content)
        return pytest.raises(ModelError, match=f"{name} cannot be used: ")

    for name, file, content in (
        ("no_description", "assets/segmentation.json", None),
        ("no_graph", "saved_model.pb", b"not a graph"),
        ("no_weights", "variables/variables.index", None),
        ("incomplete_description", "assets/segmentation.json", json.dumps({"class_names": ["background"]}).encode()),
    ):
        with refused(name, file, content):
            load_segmenter(tmp_path / name)
