"""Decodes serialized records to tensors, for tf.data; the result is that of TFDS's own decoder, which is slower."""

from __future__ import annotations

from typing import TYPE_CHECKING

import tensorflow as tf

from tfds_voc_seg.image_limits.graph import checked_record_image
from tfds_voc_seg.image_limits.inflation import inflated

if TYPE_CHECKING:
    from collections.abc import Sequence


def parse_record(serialized: tf.Tensor, image_size: int | None, channels: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Decodes the image and the one-hot mask of a record.

    Args:
        serialized: string scalar, a `tf.train.Example`.
        image_size: height and width of image and mask in pixels; `None` if each record has its own size.
        channels: number of channels of the mask.

    Returns:
        image uint8 [image_size, image_size, 3] and mask uint8 [image_size, image_size, channels], one-hot; void pixels
        are all-zero rows.

    Raises:
        tf.errors.InvalidArgumentError: at run time: the image or the mask does not have the record's size.
    """
    mask_key = "segmentation_mask" if image_size else "segmentation_mask/value"
    image, features = _parse_image(serialized, image_size, mask_key)
    height, width = tf.unstack(tf.shape(image)[:2])
    shape = [image_size or height, image_size or width, channels]
    return image, _decompress(features[mask_key], shape)


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


def parse_image(serialized: tf.Tensor, image_size: int | None) -> tf.Tensor:
    """Decodes only the image of a record. Arguments and result are those of `parse_record`."""
    return _parse_image(serialized, image_size)[0]


def _parse_image(serialized: tf.Tensor, image_size: int | None, *keys: str) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
    """Decodes the image of a record after checking that it has the record's size; also returns features of bytes."""
    sizes = {} if image_size else {key: tf.io.FixedLenFeature([], tf.int64) for key in ("height", "width")}
    strings = {key: tf.io.FixedLenFeature([], tf.string) for key in ("image", *keys)}
    features = tf.io.parse_single_example(serialized, {**strings, **sizes})
    height, width = (image_size, image_size) if image_size else (features["height"], features["width"])
    checked = checked_record_image(features["image"], height, width)
    image = tf.io.decode_image(checked, channels=3, expand_animations=False)
    return tf.ensure_shape(image, [image_size, image_size, 3]), features


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


def parse_background_classes(serialized: tf.Tensor, image_size: int) -> tf.Tensor:
    """Reads the original class of each background pixel of a record that was written with `background_classes`.

    Args:
        serialized: string scalar, a `tf.train.Example`.
        image_size: height and width in pixels, the same in all records.

    Returns:
        uint8 [image_size, image_size]: the class of background pixels that belong to another class of the label set, as
        its position there; the position of the background for all other pixels.
    """
    features = tf.io.parse_single_example(serialized, {"background_classes": tf.io.FixedLenFeature([], tf.string)})
    return _decompress(features["background_classes"], [image_size, image_size])


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


def image_and_class_map(serialized: tf.Tensor, image_size: int, channels: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Decodes a record to an image and a class map.

    Args:
        serialized: string scalar, a `tf.train.Example`.
        image_size: height and width in pixels.
        channels: number of channels of the mask.

    Returns:
        image uint8 [image_size, image_size, 3] and class map uint8 [image_size, image_size] with `VOID`.
    """
    image, mask = parse_record(serialized, image_size, channels)
    return image, class_map_from_one_hot(mask)
