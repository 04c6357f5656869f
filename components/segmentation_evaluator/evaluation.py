"""The evaluation as a Beam job: runs all models on the same records; TFMA sums the counts, one row per image is kept.

A model's predictions are compared with the truth at the network's size and, if the devkit is available, at the photos'
original size.
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import apache_beam as beam
import numpy as np
import tfx  # noqa: F401  (before tensorflow_model_analysis: it installs a stand-in that TFMA needs)
from etils import epath

from components.run_files import IMAGES_FILE

import tensorflow_model_analysis as tfma  # isort: skip
from tensorflow_model_analysis.proto import config_pb2  # isort: skip  (TFMA 0.52 has these names only here)

from components.allocator import keep_freed_memory
from components.metrics import counts
from components.segmentation_evaluator import slices
from components.segmentation_evaluator.metrics import IMAGES, PIXEL_COUNTS, SegmentationMetrics
from components.segmentation_evaluator.segmentation import NETWORK_SIZE, ORIGINAL_SIZE, RecordSegmenter, SegmentedImage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from tfds_voc_seg.geometry import Geometry
    from tfds_voc_seg.label_set import LabelSet
    from tfds_voc_seg.record_config import RecordConfig, VoidTreatment

BATCH_SIZE = 16
"""Images per batch: limits the memory of the scores, float32 [batch, height, width, classes]."""

_ROW_KEY = "image_row"

SliceKey = tuple[tuple[str, str], ...]
"""Pairs of feature and value; empty for the whole split."""


@dataclasses.dataclass(frozen=True)
class EvaluationSpec:
    """Which models to evaluate on which records.

    Attributes:
        files: the split's shards.
        models: name → folder of its SavedModel or export target; all models have the classes of `channels`.
        channels: the masks' channels.
        geometry: how photos became the records' images.
        masks: the devkit that contains the original masks, and the configuration that the records were converted with;
            `None` to evaluate only at the network's size.
        void: whether the records ignore void or count it as background.
    """

    files: Sequence[str]
    models: Mapping[str, str]
    channels: LabelSet
    geometry: Geometry
    masks: tuple[str, RecordConfig] | None = None
    void: VoidTreatment = "ignore"

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the masks' channels."""
        return self.channels.names

    @property
    def sizes(self) -> list[str]:
        """The sizes at which predictions are compared with the truth."""
        return [NETWORK_SIZE] if self.masks is None else [NETWORK_SIZE, ORIGINAL_SIZE]


class _SegmentBatch(beam.DoFn):
    """Turns a batch of serialized records into TFMA's extracts.

    An extract has the pixel counts as predictions, the features to slice on, and the image's row as JSON.
    """

    def __init__(self, spec: EvaluationSpec):
        self._spec = spec

    def setup(self) -> None:
        spec = self._spec
        keep_freed_memory()  # here, because Beam may run this in a process of its own
        self._segment = RecordSegmenter(spec.models, spec.geometry, len(spec.class_names), spec.masks)

    def process(self, batch: Sequence[bytes]) -> Iterator[dict[str, Any]]:
        channels = self._spec.channels
        for image in self._segment(batch):
            counted = image.counts(len(channels.names))
            features = slices.slice_features(image.truth[NETWORK_SIZE], image.height, image.width, channels)
            yield {
                tfma.INPUT_KEY: image.image_id.encode(),
                tfma.FEATURES_KEY: {name: np.array(values, object) for name, values in features.items()},
                tfma.LABELS_KEY: {},
                tfma.PREDICTIONS_KEY: counted,
                _ROW_KEY: json.dumps(_row(image, counted, channels)),
            }


def _row(
    image: SegmentedImage, counted: Mapping[str, Mapping[str, NDArray[np.int64]]], channels: LabelSet
) -> dict[str, Any]:
    at_network_size = {model: by_size[NETWORK_SIZE] for model, by_size in counted.items()}
    return {
        "image_id": image.image_id,
        "height": image.height,
        "width": image.width,
        "foreground_share": slices.foreground_share(image.truth[NETWORK_SIZE], channels),
        "mean_iou": counts.image_scores(at_network_size),
        "counts": {
            model: {size: counts.to_sparse(array) for size, array in by_size.items()}
            for model, by_size in counted.items()
        },
    }


def evaluate(pipeline: beam.Pipeline, spec: EvaluationSpec, output: epath.PathLike) -> None:
    """Adds the evaluation to a Beam pipeline; `read_totals` and `read_rows` read its results after it has run.

    Args:
        pipeline: the Beam pipeline.
        spec: the models and records.
        output: the folder that receives TFMA's result and `images.jsonl`.
    """
    eval_config = config_pb2.EvalConfig(
        model_specs=[config_pb2.ModelSpec(name=name) for name in spec.models],
        metrics_specs=[
            config_pb2.MetricsSpec(
                model_names=list(spec.models),
                output_names=spec.sizes,
                metrics=[
                    config_pb2.MetricConfig(
                        class_name=SegmentationMetrics.__name__,
                        module=SegmentationMetrics.__module__,
                        config=json.dumps({"class_names": list(spec.class_names)}),
                    )
                ],
            )
        ],
        slicing_specs=[
            config_pb2.SlicingSpec(),
            *(config_pb2.SlicingSpec(feature_keys=[name]) for name in slices.SLICES),
        ],
    )
    extracts = (
        pipeline
        | "Shards" >> beam.Create(list(spec.files))
        | "Records" >> beam.io.ReadAllFromTFRecord()
        | "Batch" >> beam.BatchElements(min_batch_size=BATCH_SIZE, max_batch_size=BATCH_SIZE)
        | "Segment" >> beam.ParDo(_SegmentBatch(spec))
    )
    _ = (
        extracts
        | "Rows" >> beam.Map(lambda extract: extract[_ROW_KEY])
        | "WriteRows" >> beam.io.WriteToText(f"{output}/{IMAGES_FILE}", num_shards=1, shard_name_template="")
    )
    _ = (
        extracts
        | "Extracts" >> beam.Map(lambda extract: {key: extract[key] for key in extract if key != _ROW_KEY})
        | "Evaluate"
        >> tfma.ExtractAndEvaluate(
            [tfma.extractors.SliceKeyExtractor(eval_config=eval_config, materialize=False)],
            evaluators=[tfma.evaluators.MetricsPlotsAndValidationsEvaluator(eval_config)],
        )
        | "WriteResults" >> tfma.WriteResults(tfma.default_writers(str(output), eval_config=eval_config))
    )


@dataclasses.dataclass(frozen=True)
class Total:
    """The counts of one model at one size, summed over a split or a slice.

    Attributes:
        images: number of images.
        counts: int64 [K, K + 3], see `metrics.counts.pixel_counts`.
    """

    images: int
    counts: NDArray[np.int64]


def read_totals(output: epath.PathLike) -> dict[tuple[str, str], dict[SliceKey, Total]]:
    """Reads TFMA's results of `evaluate`: model and size → slice → total."""
    totals: dict[tuple[str, str], dict[SliceKey, Total]] = {}
    for metrics in tfma.load_metrics(str(output)):
        slice_key = tuple((key.column, key.bytes_value.decode()) for key in metrics.slice_key.single_slice_keys)
        found: dict[tuple[str, str], dict[str, Any]] = {}
        for entry in metrics.metric_keys_and_values:
            found.setdefault((entry.key.model_name, entry.key.output_name), {})[entry.key.name] = entry.value
        for model_and_size, values in found.items():
            if PIXEL_COUNTS in values:
                array = values[PIXEL_COUNTS].array_value
                total = np.array(array.int64_values, np.int64).reshape(list(array.shape))
                images = round(values[IMAGES].double_value.value)
                totals.setdefault(model_and_size, {})[slice_key] = Total(images, total)
    return totals


def read_rows(output: epath.PathLike) -> list[dict[str, Any]]:
    """Reads `images.jsonl`: one row per image, ordered by image id.

    Returns:
        Rows with `image_id`, `height`, `width`, `foreground_share`, `mean_iou` (model → mean IoU of this image) and
        `counts` (model → size → sparse counts, see `metrics.counts.to_sparse`).
    """
    lines = (epath.Path(output) / IMAGES_FILE).read_text().splitlines()
    return sorted(map(json.loads, lines), key=lambda row: row["image_id"])
