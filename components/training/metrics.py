"""IoU and pixel accuracy during training; void pixels are not counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from components.training.background_classes import merge_background
from components.training.pixel_sums import labels_and_validity

if TYPE_CHECKING:
    from collections.abc import Sequence


class TrainingMetrics(keras.metrics.Metric):
    """Mean IoU, pixel accuracy and per-class IoU from one confusion matrix, summed over batches and replicas.

    The truth is a class map uint8 [batch, height, width] with `VOID`; the scores are float [batch, height, width,
    classes]. Classes after the first `len(class_names)` count as background, in truth and scores (see
    `background_classes`). Keras logs each entry of `result` under its own key: `mean_iou`, `val_mean_iou`,
    `iou_person`, `val_iou_person`.

    Args:
        class_names: [num_classes], background first.
        by_matrix_product: how pixels are counted. `False` is the fastest on a CPU, but XLA does not compile it. `True`
            is the fastest on a GPU, where all pixels would otherwise add 1 to the same few numbers in memory.
    """

    def __init__(self, class_names: Sequence[str], name: str = "segmentation", *, by_matrix_product: bool = False):
        super().__init__(name=name)
        self._class_names, self._count = tuple(class_names), _by_matrix_product if by_matrix_product else _by_bincount
        shape = (len(class_names), len(class_names))
        # float32 counts exactly only up to 16 million pixels.
        self._confusion = self.add_variable(shape, "zeros", dtype="float64", aggregation="sum", name="confusion")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # noqa: D102, ARG002 (Keras' signature)
        num_classes = len(self._class_names)
        truth, valid = labels_and_validity(y_true)
        truth = tf.where(truth < num_classes, truth, 0)
        predicted = tf.argmax(merge_background(y_pred, num_classes), axis=-1, output_type=tf.int32)
        self._confusion.assign_add(self._count(truth, predicted, valid, num_classes))

    def result(self) -> dict[str, Any]:
        """Computes the metrics from the confusion matrix.

        Returns:
            float64 scalars: `mean_iou` over the classes that occur in the truth, `accuracy` over the valid pixels (0 if
            there are none), and `iou_<class name>` of each class, NaN for a class that does not occur.
        """
        confusion = tf.convert_to_tensor(self._confusion)
        true_pixels = tf.reduce_sum(confusion, axis=1)
        intersection = tf.linalg.diag_part(confusion)
        union = true_pixels + tf.reduce_sum(confusion, axis=0) - intersection
        iou = tf.math.divide_no_nan(intersection, union)  # 0 for a class that does not occur
        occurs = true_pixels > 0
        per_class = tf.unstack(tf.where(occurs, iou, float("nan")))
        return {
            "mean_iou": tf.math.divide_no_nan(tf.reduce_sum(iou), tf.reduce_sum(tf.cast(occurs, tf.float64))),
            "accuracy": tf.math.divide_no_nan(tf.reduce_sum(intersection), tf.reduce_sum(confusion)),
            **{f"iou_{name}": value for name, value in zip(self._class_names, per_class, strict=True)},
        }


def _by_bincount(truth: tf.Tensor, predicted: tf.Tensor, valid: tf.Tensor, num_classes: int) -> tf.Tensor:
    """Counts the valid pixels of each true and predicted class: int32 [batch, height, width] → float64 [K, K]."""
    cells = num_classes**2
    position = tf.where(valid, truth * num_classes + predicted, cells)  # void in one cell more
    counts = tf.math.bincount(tf.reshape(position, [-1]), minlength=cells + 1, maxlength=cells + 1)
    return tf.cast(tf.reshape(counts[:cells], [num_classes, num_classes]), tf.float64)


def _by_matrix_product(truth: tf.Tensor, predicted: tf.Tensor, valid: tf.Tensor, num_classes: int) -> tf.Tensor:
    """Does the same. Float32 counts exactly in an image of up to 16 million pixels, so the images are added apart."""
    images = tf.shape(truth)[0]
    rows, columns = (
        tf.reshape(tf.one_hot(classes, num_classes), [images, -1, num_classes])
        for classes in (tf.where(valid, truth, -1), predicted)
    )
    return tf.reduce_sum(tf.cast(tf.matmul(rows, columns, transpose_a=True), tf.float64), axis=0)
