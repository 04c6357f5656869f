"""The segmentation metrics as a TensorFlow Model Analysis metric, so that Beam does the summing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
import tfx  # noqa: F401  (before tensorflow_model_analysis: it installs a stand-in that TFMA needs)
from tensorflow_model_analysis.metrics import metric_types, metric_util

from components.segmentation_evaluator import confusion

CONFUSION_MATRIX = "confusion_matrix"
MEAN_IOU = "mean_iou"
PIXEL_ACCURACY = "pixel_accuracy"


def class_iou_name(class_name: str) -> str:
    """The name of a class's IoU among the metrics."""
    return f"iou/{class_name}"


class SegmentationMetrics(metric_types.Metric):
    """Confusion matrix, mean IoU, pixel accuracy and the IoU of each class, void left out.

    Labels and predictions are class maps uint8 [height, width]; labels may hold `VOID`.
    """

    def __init__(self, class_names: Sequence[str], name: str = "segmentation_metrics"):
        """Makes the metric.

        Args:
            class_names: the names of the class ids, background first.
            name: the metric's name.
        """
        super().__init__(
            metric_util.merge_per_key_computations(_computations), class_names=list(class_names), name=name
        )


metric_types.register_metric(SegmentationMetrics)


def _computations(
    class_names: list[str], name: str | None = None, model_name: str = "", **_: Any
) -> metric_types.MetricComputations:
    combiner = _ConfusionCombiner(class_names, model_name)
    return [metric_types.MetricComputation(keys=combiner.keys, preprocessors=None, combiner=combiner)]


class _ConfusionCombiner(beam.CombineFn):
    """Sums confusion matrices and reduces them once."""

    def __init__(self, class_names: list[str], model_name: str):
        self._class_names = class_names
        self._model_name = model_name

    @property
    def keys(self) -> list[metric_types.MetricKey]:
        names = [CONFUSION_MATRIX, MEAN_IOU, PIXEL_ACCURACY, *map(class_iou_name, self._class_names)]
        return [metric_types.MetricKey(name, model_name=self._model_name) for name in names]

    def create_accumulator(self) -> np.ndarray:
        return np.zeros((len(self._class_names),) * 2, np.int64)

    def add_input(self, accumulator: np.ndarray, element: metric_types.StandardMetricInputs) -> np.ndarray:
        predictions = element.get_predictions()
        if isinstance(predictions, dict):
            predictions = predictions[self._model_name]
        return accumulator + confusion.confusion_matrix(element.get_labels(), predictions, len(self._class_names))

    def merge_accumulators(self, accumulators: Iterable[np.ndarray]) -> np.ndarray:
        return sum(accumulators, self.create_accumulator())

    def extract_output(self, accumulator: np.ndarray) -> dict[metric_types.MetricKey, Any]:
        values = [
            accumulator,
            confusion.mean_iou(accumulator),
            confusion.pixel_accuracy(accumulator),
            *confusion.per_class_iou(accumulator),
        ]
        return dict(zip(self.keys, values, strict=True))
