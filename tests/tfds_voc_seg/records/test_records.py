"""Records decode to the encoded tensors, with TFDS and with the faster decoder of this package."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import hypothesis.strategies as st
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis.extra import numpy as st_numpy
from PIL import Image

from tests.fuzz.image_files import png
from tfds_voc_seg.class_maps import resize_class_map
from tfds_voc_seg.devkit.folders import Pair, PairError
from tfds_voc_seg.devkit.pairs import read_pair
from tfds_voc_seg.devkit.splits import read_splits
from tfds_voc_seg.label_set import VOC_LABELS
from tfds_voc_seg.labels import VOC_CLASSES, VOID
from tfds_voc_seg.photos import decode_photo, resize_photo
from tfds_voc_seg.record_config import RecordConfig
from tfds_voc_seg.records import encoding
from tfds_voc_seg.records.decoding import class_map_from_one_hot, parse_background_classes, parse_record, void_weights
from tfds_voc_seg.records.encoding import PairEncoder
from tfds_voc_seg.records.features import record_features

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

PERSON_DOG = RecordConfig(32, ("person", "dog"))
MASK_VALUES = st.sampled_from([*range(21), VOID])


def masks(min_side: int = 1, max_side: int = 40) -> st.SearchStrategy[NDArray[np.uint8]]:
    sides = st.integers(min_side, max_side)
    return st.tuples(sides, sides).flatmap(lambda shape: st_numpy.arrays(np.uint8, shape, elements=MASK_VALUES))


@st.composite
def record_configs(draw: st.DrawFn) -> RecordConfig:
    classes = draw(st.lists(st.sampled_from(VOC_CLASSES[1:]), min_size=1, max_size=20, unique=True))
    image_size = draw(st.none() | st.integers(1, 24) | st.tuples(st.integers(1, 24), st.integers(1, 24)))
    return RecordConfig(
        image_size=image_size,
        resize=draw(st.sampled_from(["stretch", "pad", "crop"])) if image_size else "stretch",
        classes=tuple(classes),
        void=draw(st.sampled_from(["ignore", "background"])),
        image_encoding=draw(st.sampled_from(["png", "jpeg"])),
        background_classes=draw(st.booleans()),
    )


@settings(max_examples=40)
@given(mask=masks(), config=record_configs(), seed=st.integers(0, 2**32 - 1))
def test_a_record_decodes_to_what_was_encoded(mask: NDArray[np.uint8], config: RecordConfig, seed: int) -> None:
    photo = np.random.default_rng(seed).integers(0, 256, (*mask.shape, 3), dtype=np.uint8)
    features, channels = record_features(config), len(config.class_names)
    serialized = PairEncoder(config).serialize(photo, mask, "2007_000033")

    by_tfds = {key: value.numpy() for key, value in features.deserialize_example(tf.constant(serialized)).items()}
    image, one_hot = parse_record(tf.constant(serialized), config.record_size, channels)
    np.testing.assert_array_equal(by_tfds["image"], image)
    np.testing.assert_array_equal(by_tfds["segmentation_mask"], one_hot)

    # The expected mask, computed independently: nearest neighbour at pixel centres, then the classes by name.
    wanted = mask.shape if config.geometry is None else config.geometry.resized(*mask.shape)
    sides = list(zip(mask.shape, wanted, strict=True))
    rows, columns = ([int(Fraction(2 * i + 1, 2 * size) * side) for i in range(size)] for side, size in sides)
    nearest = mask[np.ix_(rows, columns)]
    expected = np.zeros((*nearest.shape, channels), np.uint8)
    for value in range(21):
        name = VOC_CLASSES[value]
        channel = config.class_names.index(name) if name in config.class_names else 0
        expected[nearest == value, channel] = 1
    if config.void == "background":
        expected[nearest == VOID, 0] = 1
    counted, padding = expected.sum(axis=(0, 1)), [(0, 0), (0, 0)]
    if config.geometry is not None:
        missing = np.subtract(config.geometry.padded(wanted), wanted)
        padding = [(int(pixels) // 2, int(pixels) - int(pixels) // 2) for pixels in missing]
    expected = np.pad(expected, [*padding, (0, 0)])
    np.testing.assert_array_equal(one_hot, expected)

    assert ("background_classes" in by_tfds) == config.background_classes
    if config.background_classes:
        others = [value for value in range(1, 21) if VOC_CLASSES[value] not in config.class_names]
        background = np.pad(np.where(np.isin(nearest, others), nearest, 0), padding)
        np.testing.assert_array_equal(by_tfds["background_classes"], background)
        parsed = parse_background_classes(tf.constant(serialized), config.record_size)
        np.testing.assert_array_equal(parsed, background)

    void = expected.sum(axis=-1) == 0
    np.testing.assert_array_equal(void_weights(one_hot), ~void)
    np.testing.assert_array_equal(class_map_from_one_hot(one_hot), np.where(void, VOID, expected.argmax(axis=-1)))
    np.testing.assert_array_equal(by_tfds["class_pixels"], counted)
    assert by_tfds["void_pixels"] == nearest.size - counted.sum()
    np.testing.assert_array_equal(by_tfds["classes"], np.flatnonzero(expected.any(axis=(0, 1))))
    assert (by_tfds["height"], by_tfds["width"]) == mask.shape
    assert by_tfds["filename"] == b"2007_000033"


@settings(max_examples=30)
@given(mask=masks(), size=st.integers(1, 50))
def test_resizing_a_mask_creates_no_class(mask: NDArray[np.uint8], size: int) -> None:
    resized = resize_class_map(mask, size)
    assert resized.shape == (size, size)
    assert set(np.unique(resized)) <= set(np.unique(mask))


def test_png_records_contain_the_pixels_that_a_served_model_gets(devkit: Path) -> None:
    pair = read_splits(devkit)["val"].pairs[0]
    image, _ = parse_record(tf.constant(PairEncoder(PERSON_DOG)(pair)), 32, 3)
    served = resize_photo(decode_photo(tf.io.read_file(pair.photo)), 32)
    np.testing.assert_array_equal(image, served)


def test_resizing_a_photo_averages_pixels() -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 200
    resized = resize_photo(tf.constant(stripes), 16).numpy()
    assert np.abs(resized[:, 2:-2].astype(int) - 100).max() <= 1


def test_masks_are_read_by_palette_index_not_by_colour(devkit: Path) -> None:
    pair = read_splits(devkit)["train"].pairs[0]
    _, mask = read_pair(pair, VOC_LABELS)
    with Image.open(pair.mask) as image:
        assert image.mode == "P"
        np.testing.assert_array_equal(mask, np.array(image))
    assert set(np.unique(mask)) <= {*range(21), VOID}


def test_images_without_the_classes_can_be_skipped(devkit: Path) -> None:
    encoder = PairEncoder(RecordConfig(32, ("car",), drop_empty=True))
    for pair in read_splits(devkit)["train"].pairs:
        kept = encoder(pair) is not None
        assert kept == ("<name>car</name>" in (devkit / f"Annotations/{pair.image_id}.xml").read_text())


def test_unknown_and_repeated_classes_are_rejected() -> None:
    with pytest.raises(ValueError, match=r"unknown class 'dgo'; allowed are aeroplane, .*tvmonitor"):
        RecordConfig(32, ("dgo",))
    with pytest.raises(ValueError, match="each once"):
        RecordConfig(32, ("dog", "dog"))


def test_a_pair_whose_one_hot_mask_would_be_huge_is_refused(devkit: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pair = read_splits(devkit)["train"].pairs[0]
    monkeypatch.setattr(encoding, "_MAX_ONE_HOT_BYTES", 1 << 20)
    assert PairEncoder(PERSON_DOG)(pair)
    with pytest.raises(PairError, match=r"becomes a one-hot mask of \d+ MiB, and 1 MiB are allowed; make photo"):
        PairEncoder(RecordConfig(None))(pair)


def test_a_photo_that_is_too_long_for_a_large_network_is_refused(tmp_path: Path) -> None:
    photo, mask = tmp_path / "a.jpg", tmp_path / "a.png"
    photo.write_bytes(png((9_000, 1)))
    mask.write_bytes(png((9_000, 1), 8, 3))
    pair = Pair("a", str(photo), str(mask))
    with pytest.raises(
        PairError, match="is 9,000 × 1 pixels, and a side may have 8,192; if this is a valid image, make"
    ):
        PairEncoder(RecordConfig(8192))(pair)
