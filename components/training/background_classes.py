"""Learning the background as the classes it consists of, while the output still calls them background.

With few wanted classes, the background contains things that look similar to them: cats, for example, if dogs are
wanted. A network that must distinguish cats from dogs learns what characterises a dog; a network that learns "cat" only
as "not a dog" does not. So the label set's other classes become output channels of their own during training, and their
probabilities are added to the background's afterwards.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

from tfds_voc_seg.label_set import VOC_LABELS, LabelSet
from tfds_voc_seg.labels import VOID
from tfds_voc_seg.records.decoding import image_and_class_map, parse_background_classes
from tfds_voc_seg.records.files import TRAIN_SPLIT, Records
from tfds_voc_seg.records.pixel_counts import count_pixels
from tfds_voc_seg.tracing import without_autograph

if TYPE_CHECKING:
    from collections.abc import Sequence

    from components.training.config import TrainingConfig
    from components.training.input_pipeline import Decoder
    from tfds_voc_seg.geometry import RecordSize


def learned_class_names(records: Records, config: TrainingConfig) -> tuple[str, ...]:
    """Names the classes that the network learns: those of the records and, if configured, the label set's others.

    Raises:
        ValueError: the records do not store the classes of their background.
    """
    if not config.learn_background_classes:
        return records.class_names
    if not records.background_classes:
        raise ValueError(
            "training.learn_background_classes: the records do not store the classes of their background; "
            "convert them with background_classes"
        )
    return add_background_classes(records.class_names, _labels(records))


def add_background_classes(class_names: Sequence[str], labels: LabelSet) -> tuple[str, ...]:
    """Appends the other classes of the label set, in its order, to the wanted classes (background first)."""
    return (*class_names, *(name for name in labels.names if name not in class_names))


def _labels(records: Records) -> LabelSet:
    return VOC_LABELS if records.config is None else records.config.labels


def make_decoder(records: Records, config: TrainingConfig) -> Decoder:
    """Makes the function that decodes a record to an image and a map of the classes that the network learns."""
    if config.learn_background_classes:
        return functools.partial(
            image_and_learned_class_map,
            image_size=records.record_size,
            class_names=records.class_names,
            labels=_labels(records),
        )
    return functools.partial(image_and_class_map, image_size=records.record_size, channels=len(records.class_names))


def image_and_learned_class_map(
    serialized: tf.Tensor, image_size: RecordSize, class_names: Sequence[str], labels: LabelSet
) -> tuple[tf.Tensor, tf.Tensor]:
    """Decodes a record that stores the classes of its background.

    Args:
        serialized: string scalar, a `tf.train.Example` of the record contract with `background_classes`.
        image_size: the size of image and mask, see `parse_record`.
        class_names: the names of the mask's channels, background first.
        labels: the label set that the background consists of.

    Returns:
        Image uint8 [height, width, 3] and class map uint8 [height, width]: indices of `add_background_classes`, and
        `VOID`.
    """
    image, classes = image_and_class_map(serialized, image_size, len(class_names))
    learned = add_background_classes(class_names, labels)
    learned_position = np.array([learned.index(name) for name in labels.names], np.uint8)
    background = tf.gather(learned_position, tf.cast(parse_background_classes(serialized, image_size), tf.int32))
    return image, tf.where(classes == 0, background, classes)


@without_autograph
def learned_class_pixels(records: Records, config: TrainingConfig) -> list[int]:
    """Counts the pixels of each learned class in the train split.

    The counts stored in the records suffice unless the label set's other classes are learned too; then all masks are
    decoded.
    """
    files = records.files[TRAIN_SPLIT]
    if not config.learn_background_classes:
        return list(count_pixels(files, records.channels).class_pixels)
    class_maps = tf.data.TFRecordDataset(files).map(make_decoder(records, config)).map(lambda _, classes: classes)
    pixels = np.zeros(VOID + 1, np.int64)
    for classes in class_maps.as_numpy_iterator():
        pixels += np.bincount(classes.ravel(), minlength=len(pixels))
    return [int(count) for count in pixels[: len(learned_class_names(records, config))]]


def merge_background(scores: Any, num_classes: int) -> Any:
    """Adds the probabilities of the classes after the first `num_classes` to that of the background, class 0.

    Args:
        scores: float [..., classes], linear; `num_classes` classes or more.
        num_classes: the number of wanted classes, background included.

    Returns:
        float [..., num_classes], linear: the logarithms of the sums, so that their softmax is the sums.
    """
    classes = scores.shape[-1]
    if classes == num_classes:
        return scores
    merged_into = [index if index < num_classes else 0 for index in range(classes)]
    probabilities = keras.ops.matmul(keras.ops.softmax(scores), np.eye(num_classes, dtype=np.float32)[merged_into])
    return keras.ops.log(keras.ops.maximum(probabilities, np.finfo(np.float32).tiny))


def with_background_merged(network: keras.Model, num_classes: int) -> keras.Model:
    """Creates a network with `num_classes` outputs from one that learned more classes, see `merge_background`.

    Args:
        network: images [batch, height, width, 3] → linear scores [batch, height, width, classes].
        num_classes: the number of wanted classes, background included.

    Returns:
        A network with the same input and the same weights; linear scores [batch, height, width, num_classes].
    """
    images = keras.Input(network.input_shape[1:], name="image")
    return keras.Model(images, merge_background(network(images), num_classes), name=network.name)
