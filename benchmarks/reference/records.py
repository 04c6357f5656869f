"""Records read with TensorFlow alone, for comparison: a PNG of the photo and a zlib stream of the one-hot mask.

Written from the description of the records in `tfds_voc_seg/README.md`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

FEATURES = {key: tf.io.FixedLenFeature([], tf.string) for key in ("image", "segmentation_mask")}


def codecs_alone(file: Path, threads: int) -> Any:
    """Returns a dataset that reads all records of a file, and runs the two codecs on each and nothing else."""

    def codecs(serialized: Any) -> tuple[Any, Any]:
        features = tf.io.parse_single_example(serialized, FEATURES)
        image = tf.io.decode_png(features["image"], channels=3)
        mask = tf.io.decode_compressed(features["segmentation_mask"], "ZLIB")
        return tf.shape(image), tf.strings.length(mask)

    return tf.data.TFRecordDataset(str(file)).map(codecs, num_parallel_calls=threads).prefetch(2)


def image_and_classes(serialized: Any, size: int, channels: int) -> tuple[Any, Any]:
    """Decodes a record to an image, uint8 [size, size, 3], and class ids, uint8 [size, size], 255 for void."""
    features = tf.io.parse_single_example(serialized, FEATURES)
    image = tf.ensure_shape(tf.io.decode_png(features["image"], channels=3), (size, size, 3))
    mask = tf.io.decode_compressed(features["segmentation_mask"], "ZLIB")
    one_hot = tf.reshape(tf.io.decode_raw(mask, tf.uint8), (size, size, channels))
    classes = tf.cast(tf.argmax(one_hot, axis=-1), tf.uint8)
    return image, tf.where(tf.reduce_any(one_hot > 0, axis=-1), classes, tf.constant(255, tf.uint8))


def read_arrays(file: Path, size: int, channels: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Reads all records into memory: images [records, size, size, 3], class ids [records, size, size]."""
    decoded = tf.data.TFRecordDataset(str(file)).map(lambda record: image_and_classes(record, size, channels))
    images, classes = zip(*decoded.as_numpy_iterator(), strict=True)
    return np.stack(images), np.stack(classes)
