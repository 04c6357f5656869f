"""All engines give the same class maps; see `tests.pipeline.exact_geometry` for the exact models."""

from __future__ import annotations

import dataclasses
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from ai_edge_litert import interpreter

from components.segmentation_evaluator.segmentation import ORIGINAL_SIZE, RecordSegmenter
from components.targets.network import load_network
from pipeline.prediction.segmenter import Segmenter, load_segmenter
from tests.pipeline.engines.targets import add_target, read_added
from tests.pipeline.exact_geometry import (
    PHOTO_SIZES,
    export_exact_model,
    photo_and_mask,
    write_devkit,
)
from tests.pipeline.prediction.odd_images import encoded, pixels, rotated_jpeg
from tests.pipeline.test_exact_geometry import SHAPES, shapes
from tfds_voc_seg.devkit.label_sets import devkit_labels
from tfds_voc_seg.devkit.splits import read_split
from tfds_voc_seg.record_config import RecordConfig
from tfds_voc_seg.records.encoding import PairEncoder

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("shape", shapes("pad", "crop"))  # `run_with_target` stretches photos
def test_litert_finds_each_pixel_at_its_place(shape: str, tmp_path: Path) -> None:
    config = RecordConfig(**SHAPES[shape], labels=devkit_labels(write_devkit(tmp_path / "VOC2012")))
    add_target(export_exact_model(tmp_path / "1", config))
    segmenter = load_segmenter(tmp_path / "1", engine="litert")
    photos, masks = zip(*(photo_and_mask(*size, index) for index, size in enumerate(PHOTO_SIZES)), strict=True)
    ways = {
        "whole": segmenter.segment_photos(photos),
        "--tta": segmenter.segment_photos(photos, tta=True),
        "--tile": segmenter.segment_photos(photos, tile=40),
    }
    for way, results in ways.items():
        for result, mask in zip(results, masks, strict=True):
            np.testing.assert_array_equal(result.class_map, mask, err_msg=f"{way}, photo of {mask.shape}")
    for photo, mask in zip(photos, masks, strict=True):
        np.testing.assert_array_equal(segmenter.segment_batch(np.stack([photo] * 3)), [mask] * 3)


@pytest.mark.slow
@pytest.mark.parametrize("shape", shapes("crop"))
def test_the_evaluation_of_a_target_finds_each_pixel_at_its_place(shape: str, tmp_path: Path) -> None:
    devkit = write_devkit(tmp_path / "VOC2012")
    config = RecordConfig(**SHAPES[shape], labels=devkit_labels(devkit))
    target = add_target(export_exact_model(tmp_path / "1", config))
    assert config.geometry is not None
    records = [record for record in map(PairEncoder(config), read_split(devkit, "val").pairs) if record is not None]
    segment = RecordSegmenter({"exact": str(target)}, config.geometry, len(config.class_names), (str(devkit), config))
    for image in segment(records):
        np.testing.assert_array_equal(image.predicted["exact"][ORIGINAL_SIZE], image.truth[ORIGINAL_SIZE])


def test_odd_photos_have_the_same_class_maps(run_with_target: Path) -> None:
    engines = {name: load_segmenter(run_with_target, engine=name) for name in ("tensorflow", "litert")}
    noise = np.random.default_rng(0).integers(0, 256, (90, 70, 3), np.uint8)
    odd = {
        **{f"orientation {orientation}": rotated_jpeg(orientation) for orientation in range(1, 9)},
        "noise": encoded(noise, "PNG"),
        "grey": encoded(noise[..., 0], "JPEG"),
        "strip": encoded(pixels(2, 300), "PNG"),
        "one pixel": encoded(pixels(1, 1), "PNG"),
        "gif": encoded(noise[..., 0], "GIF"),
        "webp": encoded(pixels(), "WEBP", lossless=True),
        "large": encoded(pixels(700, 900), "JPEG", quality=90),
    }
    for name, content in odd.items():
        for options in ({}, {"tta": True}, {"tile": 50}):
            expected, found = (segmenter(content, **options) for segmenter in engines.values())
            assert found.class_map.shape == expected.class_map.shape, name
            assert np.mean(found.class_map == expected.class_map) >= 0.995, (name, options)  # a few of 2,400 pixels
            np.testing.assert_allclose(found.probabilities, expected.probabilities, atol=0.02)


def test_the_number_of_images_and_threads_does_not_change_scores(run_with_target: Path) -> None:
    target = read_added(run_with_target / "serving/7")
    images = np.stack([pixels(32, 32), 255 - pixels(32, 32), np.zeros((32, 32, 3), np.uint8)])
    together = load_network(target, threads=2).scores(images)
    assert (str(together.dtype), together.shape) == ("float32", (3, 32, 32, 21))
    single = load_network(target, threads=1)
    for image, scores in zip(images, together, strict=True):
        np.testing.assert_allclose(single.scores(image[np.newaxis])[0], scores, atol=1e-4)


def test_a_function_gets_the_scores_of_each_image(run_with_target: Path) -> None:
    network = load_network(read_added(run_with_target / "serving/7"), threads=2)
    images = np.stack([pixels(32, 32), 255 - pixels(32, 32), np.zeros((32, 32, 3), np.uint8)])
    for count in (1, 3):
        found = network.map_scores(images[:count], lambda number, scores: (number, scores.copy()))
        assert [number for number, _ in found] == [*range(count)]
        np.testing.assert_array_equal([scores for _, scores in found], network.scores(images[:count]))


def test_scores_of_another_shape_than_described_are_refused(
    run_with_target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = read_added(run_with_target / "serving/7")
    output = dataclasses.replace(target.target.output, shape=(1, 32, 32, 1))
    other = dataclasses.replace(target, target=dataclasses.replace(target.target, output=output))
    with pytest.raises(ValueError, match=r"\[1, 32, 32, 21\]\], its description says \[.*, \[1, 32, 32, 1\]\]"):
        load_network(other, threads=1)
    monkeypatch.setattr("components.targets.network._require_shapes", lambda *_: None)  # a file can name wrong shapes
    with pytest.raises(ValueError, match=r"returns scores of shape \(1, 32, 32, 21\), its description says"):
        load_network(other, threads=1).scores(np.zeros((1, 32, 32, 3), np.uint8))


def test_no_more_interpreters_are_kept_than_threads(run_with_target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alive: weakref.WeakSet[interpreter.Interpreter] = weakref.WeakSet()

    class Counted(interpreter.Interpreter):
        def __init__(self, **options: Any):
            super().__init__(**options)
            alive.add(self)

    monkeypatch.setattr(interpreter, "Interpreter", Counted)
    network, images = load_network(read_added(run_with_target / "serving/7"), threads=4), np.stack([pixels(32, 32)] * 4)
    for count in (1, 4, 2, 3, 4, 1):
        np.testing.assert_array_equal(network.scores(images[:count]), network.scores(images)[:count])
        assert len(alive) <= 4


def test_threads_can_share_a_segmenter(run_with_target: Path) -> None:
    segmenter: Segmenter = load_segmenter(run_with_target, engine="litert")
    photos = [np.roll(pixels(), shift, axis=1) for shift in range(12)]
    with ThreadPoolExecutor(4) as threads:
        together = [*threads.map(lambda photo: segmenter(photo).class_map, photos)]
    for photo, class_map in zip(photos, together, strict=True):
        np.testing.assert_array_equal(segmenter(photo).class_map, class_map)
