"""All models over the same records: decoded once, each model run on the same batch, counted by TFMA on Beam."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow as tf
import tfx  # noqa: F401  (before tensorflow_model_analysis: it installs a stand-in that TFMA needs)
from etils import epath

import tensorflow_model_analysis as tfma  # isort: skip

from components.segmentation_evaluator import confusion
from components.segmentation_evaluator.metrics import CONFUSION_MATRIX, SegmentationMetrics
from components.segmentation_trainer.export import SEGMENT_IMAGES_SIGNATURE
from components.segmentation_trainer.input_pipeline import image_and_class_map

BATCH_SIZE = 16
"""Images a batch: a cap on the memory that scores of float32 [batch, height, width, classes] take."""


@dataclasses.dataclass(frozen=True)
class ModelEvaluation:
    """What one model came to on a split.

    Attributes:
        class_names: the names of the class ids, background first.
        confusion: int64 [K, K]; row: true class, column: predicted class; void left out.
    """

    class_names: tuple[str, ...]
    confusion: np.ndarray

    def as_json(self) -> dict[str, Any]:
        """The metrics as JSON values; `null` for classes that are absent from the split."""
        iou = confusion.per_class_iou(self.confusion)
        return {
            "mean_iou": confusion.mean_iou(self.confusion),
            "pixel_accuracy": confusion.pixel_accuracy(self.confusion),
            "per_class_iou": {
                name: None if np.isnan(value) else float(value)
                for name, value in zip(self.class_names, iou, strict=True)
            },
            "confusion_matrix": self.confusion.tolist(),
        }


class SegmentRecords(beam.PTransform):
    """Serialized records → TFMA extracts with the truth and each model's class map.

    Input: TFMA extracts with a serialized record under `tfma.INPUT_KEY`. Output: the same with the label, uint8
    [height, width], and the predictions, model name → uint8 [height, width].
    """

    def __init__(self, models: Mapping[str, str], image_size: int, channels: int):
        """Makes the transform.

        Args:
            models: name → folder of its SavedModel.
            image_size: height and width of image and mask, pixels.
            channels: the mask's number of channels.
        """
        super().__init__()
        self._segment = _SegmentBatch(dict(models), image_size, channels)

    def expand(self, extracts: Any) -> Any:  # noqa: D102
        return (
            extracts
            | "Batch" >> beam.BatchElements(min_batch_size=BATCH_SIZE, max_batch_size=BATCH_SIZE)
            | "Segment" >> beam.ParDo(self._segment)
        )


class _SegmentBatch(beam.DoFn):
    def __init__(self, models: dict[str, str], image_size: int, channels: int):
        self._models, self._image_size, self._channels = models, image_size, channels

    def setup(self) -> None:
        self._loaded = {name: tf.saved_model.load(folder) for name, folder in self._models.items()}
        self._signatures = {name: model.signatures[SEGMENT_IMAGES_SIGNATURE] for name, model in self._loaded.items()}
        self._decode = tf.function(
            lambda serialized: tf.map_fn(
                lambda record: image_and_class_map(record, self._image_size, self._channels),
                serialized,
                fn_output_signature=(tf.uint8, tf.uint8),
            ),
            input_signature=[tf.TensorSpec([None], tf.string)],
        )

    def process(self, batch: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        images, truth = self._decode(tf.constant([extracts[tfma.INPUT_KEY] for extracts in batch]))
        truth = truth.numpy()
        predicted = {name: segment(images=images)["class_map"].numpy() for name, segment in self._signatures.items()}
        for index, extracts in enumerate(batch):
            yield {
                **extracts,
                tfma.FEATURES_KEY: {},
                tfma.LABELS_KEY: truth[index],
                tfma.PREDICTIONS_KEY: {name: class_maps[index] for name, class_maps in predicted.items()},
            }


def evaluate(
    pipeline: beam.Pipeline,
    files: Sequence[str],
    models: Mapping[str, str],
    class_names: Sequence[str],
    image_size: int,
    output: epath.PathLike,
) -> None:
    """Adds the evaluation to a Beam pipeline; `read_evaluations` reads the result once it has run.

    Args:
        pipeline: the pipeline to add to.
        files: the split's shards.
        models: name → folder of its SavedModel; all with the classes named here.
        class_names: the names of the mask's channels, background first.
        image_size: height and width of image and mask, pixels.
        output: the folder for TFMA's result.
    """
    eval_config = tfma.EvalConfig(
        model_specs=[tfma.ModelSpec(name=name) for name in models],
        metrics_specs=[
            tfma.MetricsSpec(
                model_names=list(models),
                metrics=[
                    tfma.MetricConfig(
                        class_name=SegmentationMetrics.__name__,
                        module=SegmentationMetrics.__module__,
                        config=json.dumps({"class_names": list(class_names)}),
                    )
                ],
            )
        ],
        slicing_specs=[tfma.SlicingSpec()],
    )
    extractors = [
        tfma.extractors.Extractor(
            stage_name="SegmentRecords", ptransform=SegmentRecords(models, image_size, len(class_names))
        ),
        tfma.extractors.SliceKeyExtractor(eval_config=eval_config, materialize=False),
    ]
    _ = (
        pipeline
        | "Shards" >> beam.Create(list(files))
        | "Records" >> beam.io.ReadAllFromTFRecord()
        | "Extracts" >> beam.Map(lambda record: {tfma.INPUT_KEY: record})
        | "Evaluate"
        >> tfma.ExtractAndEvaluate(
            extractors, evaluators=[tfma.evaluators.MetricsPlotsAndValidationsEvaluator(eval_config)]
        )
        | "WriteResults" >> tfma.WriteResults(tfma.default_writers(str(output), eval_config=eval_config))
    )


def read_evaluations(output: epath.PathLike, class_names: Sequence[str]) -> dict[str, ModelEvaluation]:
    """Reads the confusion matrices that `evaluate` had TFMA write: model name → evaluation."""
    evaluations = {}
    for metrics in tfma.load_metrics(str(output)):
        for entry in metrics.metric_keys_and_values:
            if entry.key.name == CONFUSION_MATRIX:
                array = entry.value.array_value
                counts = np.array(array.int64_values, np.int64).reshape(list(array.shape))
                evaluations[entry.key.model_name] = ModelEvaluation(tuple(class_names), counts)
    return evaluations
