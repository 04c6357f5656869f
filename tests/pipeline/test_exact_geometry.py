"""One geometry from the photo to the class map at its own size, at every door; see `tests.pipeline.exact_geometry`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tensorflow as tf

from components.model_smoke_test.checks import Checks
from components.model_smoke_test.request_files import write_requests
from components.segmentation_evaluator.segmentation import ORIGINAL_SIZE, RecordSegmenter
from pipeline.prediction.segmenter import load_segmenter
from tests.pipeline.exact_geometry import PHOTO_SIZES, export_exact_model, photo_and_mask, write_devkit
from tfds_voc_seg.devkit.label_sets import devkit_labels
from tfds_voc_seg.devkit.pairs import read_pair
from tfds_voc_seg.devkit.splits import read_split
from tfds_voc_seg.labels import VOID
from tfds_voc_seg.record_config import RecordConfig
from tfds_voc_seg.records.encoding import PairEncoder
from tfds_voc_seg.records.files import Records

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SHAPES: dict[str, dict[str, Any]] = {
    "stretch square": {"image_size": 48},
    "stretch": {"image_size": (40, 57)},
    "pad square": {"image_size": 48, "resize": "pad"},
    "pad": {"image_size": (40, 57), "resize": "pad"},
    "crop square": {"image_size": 32, "resize": "crop", "short_side": 45},
    "crop": {"image_size": (32, 47), "resize": "crop", "short_side": 51},
    "crop square of the short side": {"image_size": 48, "resize": "crop"},
}


def shapes(*quick: str) -> list[Any]:
    """Returns all shapes; those that are not named are only tried by the slow tests."""
    return [pytest.param(name, marks=() if name in quick else pytest.mark.slow) for name in SHAPES]


@pytest.fixture(scope="module")
def devkit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_devkit(tmp_path_factory.mktemp("exact") / "VOC2012")


@pytest.fixture(scope="module")
def model_of(devkit: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[RecordConfig, Path]]:
    models: dict[str, tuple[RecordConfig, Path]] = {}

    def make(name: str) -> tuple[RecordConfig, Path]:
        if name not in models:
            config = RecordConfig(**SHAPES[name], labels=devkit_labels(devkit))
            models[name] = config, export_exact_model(tmp_path_factory.mktemp("model") / "1", config)
        return models[name]

    return make


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
def test_the_smoke_test_passes(shape: str, devkit: Path, model_of: Callable[[str], Any], tmp_path: Path) -> None:
    config, folder = model_of(shape)
    with tf.io.TFRecordWriter(str(tmp_path / "val")) as writer:
        for pair in read_split(devkit, "val").pairs:
            writer.write(PairEncoder(config)(pair))
    records = Records({"val": [str(tmp_path / "val")]}, config.class_names, config.image_size, config=config)
    write_requests(records, len(PHOTO_SIZES), tmp_path)
    for name, check in Checks(str(folder), tmp_path, latency_requests=1).all().items():
        assert check(), name


@pytest.mark.parametrize("shape", shapes("pad", "crop"))
def test_every_door_finds_each_pixel_at_its_place(shape: str, devkit: Path, model_of: Callable[[str], Any]) -> None:
    config, folder = model_of(shape)
    pairs = read_split(devkit, "val").pairs
    photos, masks = zip(*(read_pair(pair, config.labels) for pair in pairs), strict=True)
    records = [record for record in map(PairEncoder(config), pairs) if record is not None]
    segment = RecordSegmenter({"exact": str(folder)}, config.geometry, len(config.class_names), (str(devkit), config))
    segmenter = load_segmenter(folder)
    signatures = tf.saved_model.load(str(folder)).signatures
    files = tf.constant([tf.io.encode_png(photo).numpy() for photo in photos])
    scores = signatures["serving_default"](image_bytes=files)["scores"]
    predicted = segmenter.segment_photos(photos)
    averaged, tiled = segmenter.segment_photos(photos, tta=True), segmenter.segment_photos(photos, tile=40)
    for index, (photo, mask, evaluated) in enumerate(zip(photos, masks, segment(records), strict=True)):
        np.testing.assert_array_equal(photo_and_mask(*PHOTO_SIZES[index], index)[1], mask)
        served = signatures["segment_images"](images=photo[np.newaxis])["class_map"][0]
        resized = tf.image.resize(scores[index], mask.shape)
        doors = {
            "evaluation": evaluated.predicted["exact"][ORIGINAL_SIZE],
            "predict": predicted[index].class_map,
            "predict --tta": averaged[index].class_map,
            "predict --tile": tiled[index].class_map,
            "frames": segmenter.segment_batch(photo[np.newaxis])[0],
            "segment_images": served,
            "serving_default": np.argmax(resized, axis=-1),
        }
        for door, class_map in doors.items():
            np.testing.assert_array_equal(class_map, mask, err_msg=f"{door}, photo of {mask.shape}")
        np.testing.assert_array_equal(evaluated.truth[ORIGINAL_SIZE], mask)


@pytest.mark.parametrize(
    ("of_records", "of_model"),
    [
        ("pad", "crop"),
        *(pytest.param(*kinds, marks=pytest.mark.slow) for kinds in (("stretch", "pad"), ("crop", "stretch"))),
    ],
)
def test_a_model_of_another_shape_is_compared_on_the_same_records(
    of_records: str, of_model: str, devkit: Path, model_of: Callable[[str], Any]
) -> None:
    """The records are resized a second time, and quantised: pixels along the edges of classes may differ."""
    (config, _), (_, folder) = model_of(of_records), model_of(of_model)
    pairs = read_split(devkit, "val").pairs
    records = [record for record in map(PairEncoder(config), pairs) if record is not None]
    segment = RecordSegmenter({"other": str(folder)}, config.geometry, len(config.class_names), (str(devkit), config))
    for image in segment(records):
        for size, truth in image.truth.items():
            valid = truth != VOID
            assert np.mean(image.predicted["other"][size][valid] == truth[valid]) > 0.95, (size, truth.shape)
