"""Serialized record → tensors, for tf.data and serving graphs: faster than TFDS's decoder, with the same result."""

from __future__ import annotations

import tensorflow as tf

from tfds_voc_seg.labels import VOID


def parse_record(serialized: tf.Tensor, image_size: int | None, channels: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Decodes the image and the one-hot mask of a record.

    Args:
        serialized: string scalar, a `tf.train.Example`.
        image_size: height and width of image and mask, pixels; `None` where each record has its own.
        channels: the mask's number of channels.

    Returns:
        image uint8 [image_size, image_size, 3] and mask uint8 [image_size, image_size, channels], one-hot with
        all-zero rows where void.
    """
    mask_key = "segmentation_mask" if image_size else "segmentation_mask/value"
    features = tf.io.parse_single_example(
        serialized,
        {"image": tf.io.FixedLenFeature([], tf.string), mask_key: tf.io.FixedLenFeature([], tf.string)},
    )
    image, mask = _decode_image(features["image"], image_size), _decompress(features[mask_key])
    if image_size is not None:
        return image, tf.reshape(mask, [image_size, image_size, channels])
    height, width = tf.unstack(tf.shape(image)[:2])
    return image, tf.reshape(mask, [height, width, channels])


def parse_origin(serialized: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Reads which photo a record was made of.

    Args:
        serialized: string scalar, a `tf.train.Example`.

    Returns:
        The VOC image id, string scalar; the photo's own height and width, int64 scalars, pixels.
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
    """Decodes the image of a record alone. Arguments and result as `parse_record`."""
    features = tf.io.parse_single_example(serialized, {"image": tf.io.FixedLenFeature([], tf.string)})
    return _decode_image(features["image"], image_size)


def _decode_image(encoded: tf.Tensor, image_size: int | None) -> tf.Tensor:
    image = tf.io.decode_image(encoded, channels=3, expand_animations=False)
    return tf.ensure_shape(image, [image_size, image_size, 3])


def parse_objects(serialized: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Reads the objects of a record that was made with boxes.

    Args:
        serialized: string scalar, a `tf.train.Example`.

    Returns:
        boxes float32 [N, 4], ymin, xmin, ymax and xmax as shares of the image's sides; labels int64 [N], from 1;
        difficult bool [N].
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
    """Reads what the background consists of, from a record that was made with `background_classes`.

    Args:
        serialized: string scalar, a `tf.train.Example`.
        image_size: height and width, pixels, the same in all records.

    Returns:
        uint8 [image_size, image_size]: VOC's class id where the background is one of VOC's other classes, else 0.
    """
    features = tf.io.parse_single_example(serialized, {"background_classes": tf.io.FixedLenFeature([], tf.string)})
    return tf.reshape(_decompress(features["background_classes"]), [image_size, image_size])


def _decompress(compressed: tf.Tensor) -> tf.Tensor:
    return tf.io.decode_raw(tf.io.decode_compressed(compressed, "ZLIB"), tf.uint8)


def void_weights(mask: tf.Tensor) -> tf.Tensor:
    """Weighs each pixel of a one-hot mask: 1 where it has a class, 0 where it is void.

    Args:
        mask: uint8 [..., channels], one-hot.

    Returns:
        float32 [...].
    """
    return tf.cast(tf.reduce_max(mask, axis=-1), tf.float32)


def class_map_from_one_hot(mask: tf.Tensor) -> tf.Tensor:
    """Folds a one-hot mask back to class ids, with `VOID` for all-zero rows.

    Args:
        mask: uint8 [..., channels], one-hot.

    Returns:
        uint8 [...].
    """
    classes = tf.argmax(mask, axis=-1, output_type=tf.int32)
    valid = tf.reduce_max(mask, axis=-1) > 0
    return tf.cast(tf.where(valid, classes, VOID), tf.uint8)


def image_and_class_map(serialized: tf.Tensor, image_size: int, channels: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Decodes a record for training.

    Args:
        serialized: string scalar, a `tf.train.Example` of the record contract.
        image_size: height and width, pixels.
        channels: the mask's number of channels.

    Returns:
        image uint8 [image_size, image_size, 3] and class map uint8 [image_size, image_size] with `VOID`.
    """
    image, mask = parse_record(serialized, image_size, channels)
    return image, class_map_from_one_hot(mask)
