"""Mean IoU and pixel accuracy while training, void left out."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tfds_voc_seg.labels import VOID


class _ConfusionMetric(keras.metrics.Metric):
    """Sums a confusion matrix over batches; subclasses reduce it.

    Takes class maps uint8 [batch, height, width] with `VOID`, and scores float [batch, height, width, num_classes].
    """

    def __init__(self, num_classes: int, name: str):
        super().__init__(name=name)
        self._num_classes = num_classes
        # float32 stops counting at 16 million pixels.
        self._confusion = self.add_variable((num_classes, num_classes), "zeros", dtype="float64", name="confusion")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        truth = tf.reshape(tf.cast(y_true, tf.int32), [-1])
        predicted = tf.reshape(tf.argmax(y_pred, axis=-1, output_type=tf.int32), [-1])
        # A negative cell is dropped. A sum over segments, since XLA compiles no bincount of data.
        cells = tf.where(tf.not_equal(truth, VOID), truth * self._num_classes + predicted, -1)
        counts = tf.math.unsorted_segment_sum(tf.ones_like(cells), cells, self._num_classes**2)
        self._confusion.assign_add(tf.cast(tf.reshape(counts, [self._num_classes] * 2), tf.float64))


class MeanIoU(_ConfusionMetric):
    """Mean over the classes that occur of intersection over union, from one confusion matrix; void left out."""

    def __init__(self, num_classes: int, name: str = "mean_iou"):
        super().__init__(num_classes, name)

    def result(self) -> Any:  # noqa: D102
        confusion = tf.convert_to_tensor(self._confusion)
        truth_pixels = tf.reduce_sum(confusion, axis=1)
        intersection = tf.linalg.diag_part(confusion)
        union = truth_pixels + tf.reduce_sum(confusion, axis=0) - intersection
        present = tf.cast(truth_pixels > 0, tf.float64)
        iou = tf.math.divide_no_nan(intersection, union)
        return tf.math.divide_no_nan(tf.reduce_sum(iou * present), tf.reduce_sum(present))


class PixelAccuracy(_ConfusionMetric):
    """Share of the valid pixels whose class is right; void left out."""

    def __init__(self, num_classes: int, name: str = "accuracy"):
        super().__init__(num_classes, name)

    def result(self) -> Any:  # noqa: D102
        confusion = tf.convert_to_tensor(self._confusion)
        return tf.math.divide_no_nan(tf.linalg.trace(confusion), tf.reduce_sum(confusion))
