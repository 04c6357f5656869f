"""Evaluation: its time compared with bare prediction and counting, and its memory by number of images.

    python -m benchmarks.evaluation [VOCdevkit/VOC2012]

Time: both candidates on the val images, without the start-up (loading the models, tracing, the first batch), compared
with the same two SavedModels on batches that are already decoded, with the same counts in numpy. Measured twice: at the
network's size alone (confusion matrix and boundary counts), and at the photos' own size too, which needs the devkit's
masks.

Memory: peak of an evaluation of 150 images and of 1,500, each in a new process.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks._measuring import (
    devkit_and_scratch,
    export_network,
    peak_memory_of_process,
    print_peaks,
    write_records,
)

if TYPE_CHECKING:
    from collections.abc import Callable

IMAGES, MEMORY_IMAGES = 150, (150, 1_500)
IMAGE_SIZE, CLASSES, ROUNDS = 224, ("person", "dog"), 3
CANDIDATES: dict[str, tuple[str, dict[str, Any]]] = {
    "fcn8": ("fcn8", {"width": 0.5, "fully_connected_channels": 0, "batch_normalization": True}),
    "unet": ("unet", {"width": 16, "batch_normalization": True}),
}


def prepare(devkit: Path, folder: Path, count: int) -> Any:
    """Exports the candidates with random weights and writes the records; returns the `EvaluationSpec`."""
    from components.networks import create_network
    from components.segmentation_evaluator.evaluation import EvaluationSpec
    from tfds_voc_seg.devkit.splits import read_splits
    from tfds_voc_seg.geometry import Geometry
    from tfds_voc_seg.record_config import RecordConfig

    config = RecordConfig(IMAGE_SIZE, CLASSES)
    models = {}
    for name, (network, options) in CANDIDATES.items():
        created = create_network(network, image_size=IMAGE_SIZE, num_classes=len(CLASSES) + 1, **options)
        export_network(created, network, options, config.class_names, folder / name)
        models[name] = str(folder / name)
    write_records(folder / "records", read_splits(devkit)["val"].pairs[:IMAGES], config, count)
    return EvaluationSpec([f"{folder}/records"], models, config.channels, Geometry(IMAGE_SIZE), (str(devkit), config))


def seconds_of_evaluation(spec: Any, masks: Any) -> float:
    """Times the work inside the Beam job, from records to counts, after the models are loaded and have run once."""
    import tensorflow as tf

    from components.segmentation_evaluator.evaluation import BATCH_SIZE
    from components.segmentation_evaluator.segmentation import RecordSegmenter

    segment = RecordSegmenter(spec.models, spec.geometry, len(spec.class_names), masks)
    records = [record.numpy() for record in tf.data.TFRecordDataset(spec.files)]

    def run(some: list[bytes]) -> None:
        for start in range(0, len(some), BATCH_SIZE):
            for image in segment(some[start : start + BATCH_SIZE]):
                image.counts(len(spec.class_names))

    return _timed(run, records)


def seconds_of_bare_prediction(spec: Any, masks: Any) -> float:
    """Times the same two models on decoded batches, with the same counts in numpy."""
    import numpy as np
    import tensorflow as tf

    from components.metrics.counts import pixel_counts
    from components.saved_model.signatures import SCORE_IMAGES_SIGNATURE
    from components.segmentation_evaluator.evaluation import BATCH_SIZE
    from components.segmentation_evaluator.segmentation import RecordSegmenter

    loaded = {name: tf.saved_model.load(folder) for name, folder in spec.models.items()}
    signatures = [model.signatures[SCORE_IMAGES_SIGNATURE] for model in loaded.values()]
    decode = RecordSegmenter({}, spec.geometry, len(spec.class_names), masks)
    decoded = [image for record in tf.data.TFRecordDataset(spec.files) for image in decode([record.numpy()])]

    def run(some: list[Any]) -> None:
        for start in range(0, len(some), BATCH_SIZE):
            batch = some[start : start + BATCH_SIZE]
            images = tf.constant(np.stack([image.image for image in batch]))
            for signature in signatures:
                scores = signature(images=images)["scores"]
                predicted = np.argmax(scores, axis=-1).astype(np.uint8)
                for index, image in enumerate(batch):
                    pixel_counts(image.truth["network"], predicted[index], len(spec.class_names))
                    if masks is not None:
                        truth = image.truth["original"]
                        resized = np.argmax(tf.image.resize(scores[index], truth.shape), axis=-1).astype(np.uint8)
                        pixel_counts(truth, resized, len(spec.class_names))

    return _timed(run, decoded)


def _timed(run: Callable[[list[Any]], None], items: list[Any]) -> float:
    run(items[:16])
    best = float("inf")
    for _ in range(ROUNDS):
        started = time.monotonic()
        run(items)
        best = min(best, time.monotonic() - started)
    return best


def peak_memory(devkit: Path, count: int) -> float:
    """Evaluates `count` images with Beam and TFMA in this process; returns its peak memory in GB."""
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions

    from components.segmentation_evaluator.evaluation import evaluate
    from components.segmentation_evaluator.summary import evaluation_summary
    from pipeline.config.schema import LOCAL_BEAM_ARGS

    with tempfile.TemporaryDirectory() as scratch:
        spec = prepare(devkit, Path(scratch), count)
        output = Path(scratch) / "evaluation"
        output.mkdir()
        with beam.Pipeline(options=PipelineOptions(list(LOCAL_BEAM_ARGS))) as pipeline:
            evaluate(pipeline, spec, output)
        evaluation_summary(spec, output, "val")
    return peak_memory_of_process()


def main() -> None:
    """Measures and prints the tables."""
    with devkit_and_scratch(train_images=1, val_images=IMAGES) as (devkit, scratch):
        print_peaks("images", peak_memory, devkit, MEMORY_IMAGES)
        print(f"\n{'compared at':28}{'images/s':>10}{'bare':>8}{'time × bare':>13}")
        spec = prepare(devkit, scratch, IMAGES)
        for name, masks in (("the network's size", None), ("and at the photos' own size", spec.masks)):
            ours, bare = seconds_of_evaluation(spec, masks), seconds_of_bare_prediction(spec, masks)
            print(f"{name:28}{IMAGES / ours:10.1f}{IMAGES / bare:8.1f}{ours / bare:13.2f}", flush=True)


if __name__ == "__main__":
    main()
