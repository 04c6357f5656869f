"""A usual input pipeline with `tf.data` and `tf.image`, for comparison: decode, flip, scale, change colours, batch.

Written after TensorFlow's tutorials on image segmentation and on data augmentation.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from benchmarks.reference.records import image_and_classes

if TYPE_CHECKING:
    from pathlib import Path


def batches(file: Path, size: int, channels: int, batch: int, *, augment: bool) -> Any:
    """Reads records as shuffled batches of images and class ids, uint8.

    Args:
        file: of records.
        size: of the images, pixels.
        channels: of the masks.
        batch: images per batch.
        augment: scale and change colours, too, and not only flip.
    """
    decode = functools.partial(image_and_classes, size=size, channels=channels)
    dataset = tf.data.TFRecordDataset(str(file)).shuffle(256).map(decode, num_parallel_calls=tf.data.AUTOTUNE)
    dataset = dataset.map(_flipped, num_parallel_calls=tf.data.AUTOTUNE)
    if augment:
        changed = functools.partial(_scaled_and_coloured, size=size)
        dataset = dataset.map(changed, num_parallel_calls=tf.data.AUTOTUNE)
    return dataset.batch(batch).prefetch(tf.data.AUTOTUNE)


def _flipped(image: Any, classes: Any) -> tuple[Any, Any]:
    if tf.random.uniform(()) > 0.5:
        return tf.image.flip_left_right(image), tf.image.flip_left_right(classes[..., tf.newaxis])[..., 0]
    return image, classes


def _scaled_and_coloured(image: Any, classes: Any, size: int) -> tuple[Any, Any]:
    """Scales by 0.5 to 2 and crops or pads; changes brightness, contrast and saturation by up to 40 %, hue by 5 %."""
    image = tf.image.random_brightness(tf.image.convert_image_dtype(image, tf.float32), 0.4)
    image = tf.image.random_saturation(tf.image.random_contrast(image, 0.6, 1.4), 0.6, 1.4)
    image = tf.image.random_hue(image, 0.05)
    side = tf.cast(tf.random.uniform((), 0.5, 2.0) * size, tf.int32)
    image = tf.image.resize(image, (side, side))
    mask = tf.image.resize(tf.cast(classes, tf.int32)[..., tf.newaxis] + 1, (side, side), "nearest")
    missing = tf.maximum(size - side, 0)
    both = tf.concat([image, tf.cast(mask, tf.float32)], axis=-1)
    both = tf.image.random_crop(tf.pad(both, [[0, missing], [0, missing], [0, 0]]), (size, size, 4))
    image = tf.saturate_cast(tf.round(both[..., :3] * 255), tf.uint8)
    padded = tf.cast(both[..., 3], tf.int32) - 1  # -1 where it was padded
    return image, tf.cast(tf.where(padded < 0, 255, padded), tf.uint8)
