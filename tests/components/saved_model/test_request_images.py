"""Requests are decoded as one photo is: sizes, pixels, and the image that an error names."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from components.saved_model.request_images import decode_request, map_decoded
from tfds_voc_seg.geometry import Geometry
from tfds_voc_seg.photos import fit_photo

PHOTOS = [np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8) for shape in ((8, 12), (20, 6))]
REQUEST = tf.stack([tf.io.encode_png(photo) for photo in PHOTOS])


@pytest.mark.parametrize("geometry", [Geometry(16), Geometry((10, 20), "pad")])
def test_a_request_is_decoded_and_fitted(geometry: Geometry) -> None:
    images, sizes = decode_request(REQUEST, geometry)
    assert (images.dtype, sizes.dtype) == (tf.uint8, tf.int32)
    for image, photo in zip(images, PHOTOS, strict=True):
        np.testing.assert_array_equal(image, fit_photo(tf.constant(photo), geometry))
    assert sizes.numpy().tolist() == [[8, 12], [20, 6]]
    images, sizes = decode_request(tf.constant([], tf.string), geometry)
    assert (images.shape, sizes.shape) == ((0, *geometry.sides, 3), (0, 2))


@pytest.mark.parametrize("bad", [0, 1])
def test_an_error_names_the_image(bad: int) -> None:
    request = REQUEST.numpy()
    request[bad] = b"no image"
    with pytest.raises(tf.errors.InvalidArgumentError, match=rf"(?<!\w)image_bytes\[{bad}\] is "):
        decode_request(tf.constant(request), Geometry(16))


def test_a_photo_that_is_too_long_for_the_network_is_refused() -> None:
    request = tf.stack([tf.io.encode_png(np.zeros((1, 9_000, 3), np.uint8))])
    assert decode_request(request, Geometry(16))[1].numpy().tolist() == [[1, 9_000]]
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"8,?192"):
        decode_request(request, Geometry((8192, 4)))


def test_photos_are_converted_at_their_own_size() -> None:
    spec = tf.TensorSpec([], tf.int64)
    sums = map_decoded(REQUEST, Geometry(16), lambda photo: tf.reduce_sum(tf.cast(photo, tf.int64)), spec)
    assert sums.numpy().tolist() == [int(photo.sum(dtype=np.int64)) for photo in PHOTOS]
