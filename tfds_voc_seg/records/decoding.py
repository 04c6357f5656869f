"""Decodes serialized records to tensors, for tf.data, after checks; the result is that of TFDS's own decoder."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, TypeGuard

import tensorflow as tf

from tfds_voc_seg.geometry import Geometry, RecordSize
from tfds_voc_seg.image_limits.graph import checked_record_image
from tfds_voc_seg.image_limits.inflation import inflated
from tfds_voc_seg.image_size import ImageSize, sides_of
from tfds_voc_seg.photos import padded_size
from tfds_voc_seg.tracing import traced_once

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def parse_record(serialized: tf.Tensor, image_size: RecordSize, channels: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Decodes the image and the one-hot mask of a record.

    Args:
        serialized: string scalar, a `tf.train.Example`.
        image_size: the size of image and mask in pixels, or how it follows from the photo's, see `RecordSize`.
        channels: number of channels of the mask.

    Returns:
        image uint8 [height, width, 3] and mask uint8 [height, width, channels], one-hot; void pixels are all-zero rows.

    Raises:
        tf.errors.InvalidArgumentError: at run time: the image or the mask does not have the record's size.
    """
    mask_key = _array_key("segmentation_mask", image_size)
    image, sides, features = _parse_image(serialized, image_size, mask_key)
    return image, _decompress(features[mask_key], [*sides, channels])


def parse_origin(serialized: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Reads the id and the original size of a record's photo.

    Args:
        serialized: string scalar, a `tf.train.Example`.

    Returns:
        VOC's image id, string scalar; height and width of the original photo in pixels, int64 scalars.
    """
    features = tf.io.parse_single_example(
        serialized,
        {
            "filename": tf.io.FixedLenFeature([], tf.string),
            "height": tf.io.FixedLenFeature([], tf.int64),
            "width": tf.io.FixedLenFeature([], tf.int64),
        },
    )
    return features["filename"], features["height"], features["width"]


def parse_image(serialized: tf.Tensor, image_size: RecordSize) -> tf.Tensor:
    """Decodes only the image of a record. Arguments and result are those of `parse_record`."""
    return _parse_image(serialized, image_size)[0]


def _parse_image(
    serialized: tf.Tensor, image_size: RecordSize, *keys: str
) -> tuple[tf.Tensor, Sequence[int | tf.Tensor], dict[str, tf.Tensor]]:
    """Decodes the image of a record after checking that it has the record's size; also returns features of bytes."""
    sides, features = _parse_sides(serialized, image_size, "image", *keys)
    checked = checked_record_image(features["image"], *sides)
    image = tf.io.decode_image(checked, channels=3, expand_animations=False)
    return tf.ensure_shape(image, [*(side if isinstance(side, int) else None for side in sides), 3]), sides, features


def _parse_sides(
    serialized: tf.Tensor, image_size: RecordSize, *keys: str
) -> tuple[Sequence[int | tf.Tensor], dict[str, tf.Tensor]]:
    """Returns height and width of the record's image, and features of bytes."""
    origin = {} if _is_fixed(image_size) else {key: tf.io.FixedLenFeature([], tf.int64) for key in ("height", "width")}
    strings = {key: tf.io.FixedLenFeature([], tf.string) for key in keys}
    features = tf.io.parse_single_example(serialized, {**strings, **origin})
    if _is_fixed(image_size):
        return sides_of(image_size), features
    photo = tf.stack([features["height"], features["width"]])
    sides = padded_size(image_size, photo) if isinstance(image_size, Geometry) else photo
    return tf.unstack(sides), features


def _is_fixed(image_size: RecordSize) -> TypeGuard[ImageSize]:
    return image_size is not None and not isinstance(image_size, Geometry)


def _array_key(name: str, image_size: RecordSize) -> str:
    """Returns the name of a feature's bytes: TFDS stores arrays of different sizes with their shapes."""
    return name if _is_fixed(image_size) else f"{name}/value"


def parse_objects(serialized: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Reads the objects of a record that was written with `boxes`.

    Args:
        serialized: string scalar, a `tf.train.Example`.

    Returns:
        boxes float32 [N, 4]: ymin, xmin, ymax and xmax as fractions of the image's height and width; labels int64 [N],
        from 1; difficult bool [N].
    """
    features = tf.io.parse_single_example(
        serialized,
        {
            "objects/bbox": tf.io.FixedLenSequenceFeature([4], tf.float32, allow_missing=True),
            "objects/label": tf.io.FixedLenSequenceFeature([], tf.int64, allow_missing=True),
            "objects/difficult": tf.io.FixedLenSequenceFeature([], tf.int64, allow_missing=True),
        },
    )
    return features["objects/bbox"], features["objects/label"], tf.cast(features["objects/difficult"], tf.bool)


def parse_background_classes(serialized: tf.Tensor, image_size: RecordSize) -> tf.Tensor:
    """Reads the original class of each background pixel of a record that was written with `background_classes`.

    Args:
        serialized: string scalar, a `tf.train.Example`.
        image_size: as for `parse_record`.

    Returns:
        uint8 [height, width]: the class of background pixels that belong to another class of the label set, as its
        position there; the position of the background for all other pixels.
    """
    key = _array_key("background_classes", image_size)
    sides, features = _parse_sides(serialized, image_size, key)
    return _decompress(features[key], sides)


def _decompress(compressed: tf.Tensor, shape: Sequence[int | tf.Tensor]) -> tf.Tensor:
    """Inflates an array of a record: uint8 of the given shape."""
    size = tf.reduce_prod(tf.cast(tf.stack(shape), tf.int64))
    return tf.reshape(tf.io.decode_raw(inflated(compressed, size), tf.uint8), shape)


def void_weights(mask: tf.Tensor) -> tf.Tensor:
    """Returns the weight of each pixel of a one-hot mask in losses and metrics: 0 for void, 1 for all other pixels.

    Args:
        mask: uint8 [..., channels], one-hot.

    Returns:
        float32 [...].
    """
    return tf.cast(tf.reduce_max(mask, axis=-1), tf.float32)


def class_map_from_one_hot(mask: tf.Tensor) -> tf.Tensor:
    """Converts a one-hot mask to channel indices, with `VOID` for all-zero rows.

    Args:
        mask: uint8 [..., width, channels], one-hot.

    Returns:
        uint8 [..., width].
    """
    # Faster than argmax and max together, or than a product of floats. An all-zero row gives 0 - 1, in uint8 `VOID`.
    class_plus_one = tf.constant([index + 1 for index in range(mask.shape[-1])], tf.uint8)
    return tf.reduce_sum(mask * class_plus_one, axis=-1) - tf.constant(1, tf.uint8)


def image_and_class_map(serialized: tf.Tensor, image_size: RecordSize, channels: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Decodes a record to an image and a class map.

    Args:
        serialized: string scalar, a `tf.train.Example`.
        image_size: as for `parse_record`.
        channels: number of channels of the mask.

    Returns:
        image uint8 [height, width, 3] and class map uint8 [height, width] with `VOID`.
    """
    return _decoder(image_size, channels)(serialized)


@functools.cache  # by value: TensorFlow would distinguish equal geometries
def _decoder(image_size: RecordSize, channels: int) -> Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    @traced_once
    def decode(serialized: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        image, mask = parse_record(serialized, image_size, channels)
        return image, class_map_from_one_hot(mask)

    return decode
