"""The segmentation metrics as a metric of TensorFlow Model Analysis, so that Beam sums the counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import apache_beam as beam
import numpy as np
import tfx  # noqa: F401  (before tensorflow_model_analysis: it installs a stand-in that TFMA needs)
from tensorflow_model_analysis.metrics import metric_types, metric_util

from components.metrics import METRIC_NAMES, counts

if TYPE_CHECKING:
    from numpy.typing import NDArray

PIXEL_COUNTS = "pixel_counts"
IMAGES = "images"
_PER_CLASS_NAMES = {
    "per_class_iou": "iou",
    "per_class_accuracy": "accuracy",
    "per_class_dice": "dice",
    "per_class_boundary_iou": "boundary_iou",
}


class SegmentationMetrics(metric_types.Metric):
    """All segmentation metrics of a split or a slice, without void pixels; works in any `EvalConfig`.

    Labels and predictions are class maps, uint8 [height, width] or [1, height, width]; labels may contain `VOID`.
    Alternatively, predictions may be counts, int64 [K, K + 3], as `counts.pixel_counts` returns them; labels are then
    ignored.

    The names of the metrics are those of `metrics.METRIC_NAMES` (`mean_iou`, `pixel_accuracy`, `mean_class_accuracy`,
    `frequency_weighted_iou`, `mean_dice`, `boundary_iou`); for each class `iou/<class>`, `accuracy/<class>`,
    `dice/<class>` and `boundary_iou/<class>`, NaN if the class is absent; `images`; and the array `pixel_counts`.

    Example:
        metrics { class_name: "SegmentationMetrics" module: "components.segmentation_evaluator.metrics"
                  config: '{"class_names": ["background", "person", "dog"]}' }
    """

    def __init__(self, class_names: Sequence[str], name: str = "segmentation_metrics"):
        """Creates the metric.

        Args:
            class_names: the names of the class ids, background first.
            name: the metric's name.
        """
        super().__init__(
            metric_util.merge_per_key_computations(_computations), class_names=list(class_names), name=name
        )


metric_types.register_metric(SegmentationMetrics)


def _computations(
    class_names: list[str],
    eval_config: Any = None,
    model_name: str = "",
    output_name: str = "",
    **_: Any,
) -> metric_types.MetricComputations:
    specs = eval_config.model_specs if eval_config is not None else ()
    prediction_key = next((spec.prediction_key for spec in specs if spec.name == model_name), "")
    combiner = _CountsCombiner(class_names, model_name, output_name, prediction_key)
    return [metric_types.MetricComputation(keys=combiner.keys, preprocessors=None, combiner=combiner)]


class _CountsCombiner(beam.CombineFn):
    """Sums counts and computes the metrics from the sum; an accumulator is the number of images and their counts."""

    def __init__(self, class_names: list[str], model_name: str, output_name: str, prediction_key: str):
        self._class_names = class_names
        self._model_name, self._output_name, self._prediction_key = model_name, output_name, prediction_key

    @property
    def keys(self) -> list[metric_types.MetricKey]:
        by_class = [f"{short}/{name}" for short in _PER_CLASS_NAMES.values() for name in self._class_names]
        return [
            metric_types.MetricKey(name, model_name=self._model_name, output_name=self._output_name)
            for name in (PIXEL_COUNTS, IMAGES, *METRIC_NAMES, *by_class)
        ]

    def create_accumulator(self) -> tuple[int, NDArray[np.int64]]:
        return 0, counts.from_sparse([], len(self._class_names))

    def add_input(
        self, accumulator: tuple[int, NDArray[np.int64]], element: metric_types.StandardMetricInputs
    ) -> tuple[int, NDArray[np.int64]]:
        images, total = accumulator
        predicted = element.get_predictions(self._model_name, self._output_name)
        if isinstance(predicted, Mapping):  # TFMA passes all outputs of the signature
            predicted = predicted[self._prediction_key]
        predicted = np.asarray(predicted)
        if predicted.shape != total.shape or predicted.dtype != total.dtype:
            truth = np.asarray(element.get_labels(self._model_name, self._output_name))
            predicted = counts.pixel_counts(
                _without_batch_axis(truth), _without_batch_axis(predicted), len(self._class_names)
            )
        return images + 1, total + predicted

    def merge_accumulators(
        self, accumulators: Iterable[tuple[int, NDArray[np.int64]]]
    ) -> tuple[int, NDArray[np.int64]]:
        images, total = self.create_accumulator()
        for more_images, more in accumulators:
            images, total = images + more_images, total + more
        return images, total

    def extract_output(self, accumulator: tuple[int, NDArray[np.int64]]) -> dict[metric_types.MetricKey, Any]:
        images, total = accumulator
        by_class = counts.per_class_metrics(total)
        values = [
            total,
            images,
            *counts.scalar_metrics(total).values(),
            *(value for figure in _PER_CLASS_NAMES for value in by_class[figure]),
        ]
        return dict(zip(self.keys, values, strict=True))


def _without_batch_axis(classes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Removes the batch axis, of size 1, that some of TFMA's extractors add."""
    return classes[0] if classes.ndim == 3 and classes.shape[0] == 1 else classes
