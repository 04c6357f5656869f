"""Photos are resized and padded without TensorFlow as with it."""

from __future__ import annotations

import io
import struct
import zlib

import hypothesis.strategies as st
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from PIL import Image

from pipeline.engines import photos
from pipeline.engines.photos import PhotosWithoutTensorflow
from tfds_voc_seg.geometry import Geometry, Resize
from tfds_voc_seg.photos import decode_photo, fit_photo, resize_photo

SIZES = st.tuples(st.integers(1, 90), st.integers(1, 90))


@settings(max_examples=60)
@given(size=SIZES, resized=SIZES, seed=st.integers(0, 2**32 - 1), at_once=st.integers(1, 9000))
def test_resized_values_differ_by_rounding_only(
    size: tuple[int, int], resized: tuple[int, int], seed: int, at_once: int
) -> None:
    photo = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
    expected = resize_photo(tf.constant(photo), resized).numpy().astype(int)
    whole = PhotosWithoutTensorflow().resize(photo, resized)
    # Values near the middle of two numbers are rounded to either: with the round weights of small photos many are.
    exact = tf.image.resize(photo.astype(np.float64), resized, antialias=True).numpy()
    in_the_middle = np.abs(exact - np.floor(exact) - 0.5) < 0.01
    assert np.abs(whole - expected).max() <= 1
    np.testing.assert_array_equal(whole[~in_the_middle], expected[~in_the_middle])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(photos, "_PIXELS_AT_ONCE", at_once)
        in_parts = PhotosWithoutTensorflow().resize(photo, resized)
    np.testing.assert_array_equal(in_parts[~in_the_middle], whole[~in_the_middle])


@pytest.mark.parametrize("resize", ["stretch", "pad", "crop"])
@pytest.mark.parametrize("size", [(61, 83), (83, 61), (5, 200), (48, 40)])
def test_photos_lie_at_the_same_place(resize: Resize, size: tuple[int, int]) -> None:
    geometry = Geometry((48, 40), resize, 50 if resize == "crop" else None)
    photo = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    expected = fit_photo(tf.constant(photo), geometry).numpy().astype(int)
    fitted = PhotosWithoutTensorflow().fit(photo, geometry)
    assert (str(fitted.dtype), fitted.shape) == ("uint8", expected.shape)
    assert np.abs(fitted - expected).max() <= 1  # see above


def test_the_first_image_of_several_in_a_jpeg_has_the_same_pixels() -> None:
    first, second = (np.random.default_rng(seed).integers(0, 256, (40, 56, 3), np.uint8) for seed in (0, 1))
    content = io.BytesIO()
    Image.fromarray(first).save(content, "MPO", save_all=True, append_images=[Image.fromarray(second)])
    with Image.open(content) as image:
        assert image.format == "MPO"
    expected = decode_photo(tf.constant(content.getvalue())).numpy()
    np.testing.assert_array_equal(PhotosWithoutTensorflow().decode(content.getvalue()), expected)


def test_an_orientation_behind_the_pixels_of_a_png_does_not_count() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 12, 3), np.uint8)
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    exif = Image.Exif()
    exif[0x0112] = 6
    body = b"eXIf" + exif.tobytes().removeprefix(b"Exif\0\0")
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    before, end = content.getvalue()[:-12], content.getvalue()[-12:]
    np.testing.assert_array_equal(PhotosWithoutTensorflow().decode(before + chunk + end), pixels)
