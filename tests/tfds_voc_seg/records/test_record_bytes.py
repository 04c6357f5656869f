"""The bytes of a record's features, its boxes, and the static shapes of what a graph decodes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from zlib_ng import zlib_ng

from tests.fuzz.image_files import png
from tfds_voc_seg.class_maps import one_hot_mask
from tfds_voc_seg.devkit.folders import Pair, PairError
from tfds_voc_seg.labels import VOID
from tfds_voc_seg.record_config import RecordConfig
from tfds_voc_seg.records import encoding
from tfds_voc_seg.records.decoding import (
    image_and_class_map,
    parse_background_classes,
    parse_image,
    parse_objects,
    parse_origin,
    parse_record,
)
from tfds_voc_seg.records.encoding import PairEncoder, encode_arrays

PHOTO = np.random.default_rng(0).integers(0, 256, (30, 45, 3), np.uint8)
MASK = np.zeros((30, 45), np.uint8)
MASK[10:20, 5:15] = 15  # a person
MASK[2:4, 3:10] = VOID
MASK[25:, 30:] = 12  # a dog
CLASSES = ("person",)
OBJECTS: dict[str, Any] = {
    "bbox": np.array([[0, 0, 1, 1], [0.5, 0.25, 1, 0.75]], np.float32),
    "label": np.array([1, 1]),
    "difficult": np.array([False, True]),
    "truncated": np.array([True, False]),
}
NONE: dict[str, Any] = {name: np.zeros((0, *values.shape[1:]), values.dtype) for name, values in OBJECTS.items()}


def features_of(record: bytes) -> dict[str, Any]:
    """Name → the values of a feature."""
    feature = tf.train.Example.FromString(record).features.feature
    return {name: list(getattr(values, values.WhichOneof("kind")).value) for name, values in feature.items()}


@pytest.mark.parametrize("image_encoding", ["jpeg", "png"])
@pytest.mark.parametrize("level", [1, 9])
def test_photo_and_masks_are_compressed_as_configured(image_encoding: Any, level: int) -> None:
    config = RecordConfig(
        None, CLASSES, image_encoding=image_encoding, mask_compression_level=level, background_classes=True
    )
    record = PairEncoder(config).serialize(PHOTO, MASK, "2007_000033")
    image = tf.io.encode_jpeg(PHOTO, quality=95) if image_encoding == "jpeg" else tf.io.encode_png(PHOTO, compression=1)
    classes = np.where(MASK == 15, 1, np.where(MASK == VOID, VOID, 0)).astype(np.uint8)
    background = np.where(MASK == 12, MASK, 0).astype(np.uint8)
    assert features_of(record) == {
        "image": [image.numpy()],
        "segmentation_mask/value": [zlib_ng.compress(one_hot_mask(classes, 2).tobytes(), level)],
        "segmentation_mask/shape": [30, 45, 2],
        "background_classes/value": [zlib_ng.compress(background.tobytes(), level)],
        "background_classes/shape": [30, 45],
        "classes": [0, 1],
        "class_pixels": [30 * 45 - 114, 100],
        "void_pixels": [14],
        "height": [30],
        "width": [45],
        "filename": [b"2007_000033"],
    }


@pytest.mark.parametrize(("resize", "stored_with_shape"), [("stretch", False), ("pad", False), ("crop", True)])
def test_masks_of_one_size_are_stored_without_their_shape(resize: Any, stored_with_shape: bool) -> None:
    features = features_of(PairEncoder(RecordConfig(16, CLASSES, resize=resize)).serialize(PHOTO, MASK, "a"))
    assert ("segmentation_mask/shape" in features) == stored_with_shape
    assert ("segmentation_mask" in features) != stored_with_shape


@pytest.mark.parametrize(
    ("resize", "boxes"),
    [
        ("stretch", [[0, 0, 1, 1], [0.5, 0.25, 1, 0.75]]),
        ("pad", [[4 / 21, 0, 17 / 21, 1], [10.5 / 21, 0.25, 17 / 21, 0.75]]),  # 13 of 21 rows, from row 4
    ],
)
def test_boxes_are_fractions_of_the_image_that_the_photo_lies_in(resize: Any, boxes: list[list[float]]) -> None:
    config = RecordConfig((21, 20), CLASSES, resize=resize, boxes=True)
    encoded = encode_arrays(PHOTO, MASK, "a", config, OBJECTS)["objects"]
    assert encoded["bbox"].dtype == np.float32
    np.testing.assert_allclose(encoded["bbox"], boxes, rtol=1e-6)
    parsed = parse_objects(tf.constant(PairEncoder(config).serialize(PHOTO, MASK, "a", OBJECTS)))
    assert [values.dtype for values in parsed] == [tf.float32, tf.int64, tf.bool]
    np.testing.assert_array_equal(parsed[0], encoded["bbox"])
    assert [values.numpy().tolist() for values in parsed[1:]] == [[1, 1], [False, True]]
    nothing = parse_objects(tf.constant(PairEncoder(config).serialize(PHOTO, MASK, "a", NONE)))
    assert [values.shape.as_list() for values in nothing] == [[0, 4], [0], [0]]


def test_boxes_of_a_record_at_its_own_size_are_not_changed() -> None:
    config = RecordConfig(None, CLASSES, boxes=True)
    assert encode_arrays(PHOTO, MASK, "a", config, OBJECTS)["objects"] == OBJECTS
    assert "objects" not in encode_arrays(PHOTO, MASK, "a", config)


@pytest.mark.parametrize(
    ("config", "shape"),
    [
        (RecordConfig((16, 24), CLASSES, background_classes=True), [16, 24]),
        (RecordConfig(None, CLASSES, background_classes=True), [None, None]),
        (RecordConfig(16, CLASSES, resize="crop", background_classes=True), [None, None]),
    ],
)
def test_a_graph_knows_the_shapes_of_what_it_decodes(config: RecordConfig, shape: list[int | None]) -> None:
    record, size = tf.constant(PairEncoder(config).serialize(PHOTO, MASK, "2007_000033")), config.record_size
    image, mask = parse_record(record, size, 2)
    again, classes = image_and_class_map(record, size, 2)
    for same in (again, parse_image(record, size)):
        np.testing.assert_array_equal(same, image)
    np.testing.assert_array_equal(classes == VOID, tf.reduce_sum(mask, axis=-1) == 0)
    np.testing.assert_array_equal(classes == 1, mask[..., 1] == 1)
    assert [value.numpy() for value in parse_origin(record)] == [b"2007_000033", 30, 45]

    specs = tf.data.Dataset.from_tensors(record).map(
        lambda serialized: (
            *parse_record(serialized, size, 2),
            parse_image(serialized, size),
            parse_background_classes(serialized, size),
        )
    )
    shapes = [spec.shape.as_list() for spec in specs.element_spec]
    assert shapes == [[*shape, 3], [*shape, 2], [*shape, 3], shape]
    assert {spec.dtype for spec in specs.element_spec} == {tf.uint8}


def test_a_one_hot_mask_of_exactly_the_limit_is_accepted(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    photo, mask = tmp_path / "a.jpg", tmp_path / "a.png"
    photo.write_bytes(png((6, 4)))
    mask.write_bytes(png((6, 4), 8, 3))
    pair = Pair("a", str(photo), str(mask))
    monkeypatch.setattr(encoding, "_MAX_ONE_HOT_BYTES", 6 * 4 * 2)
    assert PairEncoder(RecordConfig(None, CLASSES))(pair)
    monkeypatch.setattr(encoding, "_MAX_ONE_HOT_BYTES", 6 * 4 * 2 - 1)
    with pytest.raises(PairError, match=r"a\.png"):
        PairEncoder(RecordConfig(None, CLASSES))(pair)
    assert PairEncoder(RecordConfig(32, CLASSES))(pair)
    assert PairEncoder(RecordConfig(32, CLASSES, drop_empty=True))(pair) is None
