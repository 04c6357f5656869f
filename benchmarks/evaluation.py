"""Evaluation: its time compared with bare prediction and counting, and its peak memory.

    python -m benchmarks.evaluation [VOCdevkit/VOC2012]

Time: two candidates on the val images, without the start-up (loading the models, tracing, the first batch), compared
with the same two SavedModels on batches that are already decoded, with the same counts in numpy and OpenCV. The counts
of both must be equal, but for a few pixels whose two highest scores differ by rounding alone. Measured twice: at the
network's size alone (confusion matrix and boundary counts), and at the photos' own size too, which needs the devkit's
masks.

Memory: peak of an evaluation of many images with Beam and TFMA compared with one of few, each in a new process.
"""

from __future__ import annotations

import functools
import itertools
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.measuring.command import main
from benchmarks.measuring.data import devkit_and_scratch, export_network, write_records
from benchmarks.measuring.memory import flat_memory, peak_memory_of_process
from benchmarks.measuring.row import Row, Target
from benchmarks.measuring.timing import in_turns, milliseconds, paired

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from benchmarks.measuring.options import Options

    Counting = Callable[[int], NDArray[np.int64]]

SIZE, CLASSES, BATCH = 224, ("person", "dog"), 16
ROUNDED = 1e-5
"""Share of the counts that may differ: the evaluation runs the models with their weights as constants."""
CANDIDATES: dict[str, tuple[str, dict[str, Any]]] = {
    "fcn8": ("fcn8", {"width": 0.5, "fully_connected_channels": 0, "batch_normalization": True}),
    "unet": ("unet", {"width": 16, "batch_normalization": True}),
}


def rows(options: Options) -> Iterator[Row]:
    """Yields a row per size at which the models are compared, and that of the memory unless the run is quick.

    Raises:
        RuntimeError: the counts differ from those of the reference.
    """
    from components.segmentation_evaluator.segmentation import models_kept

    images = options.size(150, BATCH)
    with devkit_and_scratch(options, train_images=1, val_images=images) as (devkit, scratch), models_kept():
        spec = prepare(devkit, scratch, images)
        bare = counting_of_reference(spec)
        for name, original in (("the network's size", False), ("that and the photos' own size", True)):
            works = (counting_of_evaluation(spec, original=original), functools.partial(bare, original=original))
            first, second = (work(BATCH) for work in works)  # traces the models, too
            if np.abs(first - second).sum() > ROUNDED * first.sum():
                raise RuntimeError(f"the counts of the evaluation at {name} differ from those of the reference")
            rounds = in_turns(
                options.rounds_of(full=3, quick=2),
                *(functools.partial(milliseconds, functools.partial(work, images), images) for work in works),
            )
            compared = "the same two SavedModels in memory, and counting"
            yield Row(f"evaluation at {name}", compared, "ms/image", paired(rounds), Target(1.15))
        if not options.quick:
            yield flat_memory("evaluation", "images", peak_memory, (150, 1_500), options, devkit)


def prepare(devkit: Path, folder: Path, count: int) -> Any:
    """Exports the candidates with random weights and writes the records; returns the `EvaluationSpec`."""
    from components.networks import create_network
    from components.segmentation_evaluator.evaluation import EvaluationSpec
    from tfds_voc_seg.devkit.splits import read_splits
    from tfds_voc_seg.geometry import Geometry
    from tfds_voc_seg.record_config import RecordConfig

    config = RecordConfig(SIZE, CLASSES)
    models = {}
    for name, (network, options) in CANDIDATES.items():
        created = create_network(network, image_size=SIZE, num_classes=len(CLASSES) + 1, **options)
        export_network(created, network, options, config.class_names, folder / name)
        models[name] = str(folder / name)
    write_records(folder / "records", read_splits(devkit)["val"].pairs[:count], config, count)
    return EvaluationSpec([f"{folder}/records"], models, config.channels, Geometry(SIZE), (str(devkit), config))


def counting_of_evaluation(spec: Any, *, original: bool) -> Counting:
    """Returns the work inside the Beam job, from records to counts.

    Args:
        spec: of the evaluation.
        original: compare at the photos' own size, too.

    Returns:
        A function of the number of images that returns the sum of the counts over images, models and sizes.
    """
    import tensorflow as tf

    from components.segmentation_evaluator.segmentation import RecordSegmenter

    segment = RecordSegmenter(spec.models, spec.geometry, len(spec.class_names), spec.masks if original else None)
    records = [record.numpy() for record in tf.data.TFRecordDataset(spec.files)]

    def count(images: int) -> NDArray[np.int64]:
        total = np.zeros((len(spec.class_names), len(spec.class_names) + 3), np.int64)
        for start in range(0, images, BATCH):
            for image in segment(records[start : min(start + BATCH, images)]):
                for by_size in image.counts(len(spec.class_names)).values():
                    total += sum(by_size.values())
        return total

    return count


def counting_of_reference(spec: Any) -> Callable[..., NDArray[np.int64]]:
    """Returns the reference's work on the same images, which are in memory.

    Args:
        spec: of the evaluation.

    Returns:
        As of `counting_of_evaluation`, a function that takes `original` by name as well.
    """
    from benchmarks.reference.bare_evaluation import BareEvaluation, read_class_map
    from benchmarks.reference.records import read_arrays
    from tfds_voc_seg.devkit.splits import read_splits

    classes, (devkit, _) = len(spec.class_names), spec.masks
    images, truth = read_arrays(Path(spec.files[0]), SIZE, classes)
    masks = itertools.cycle(pair.mask for pair in read_splits(Path(devkit))["val"].pairs[: len(images)])
    originals = [read_class_map(mask, CLASSES) for mask in itertools.islice(masks, len(images))]
    bare = BareEvaluation([Path(folder) for folder in spec.models.values()], images, truth, originals, BATCH)
    return functools.partial(bare.counts, classes=classes)


def peak_memory(count: int, devkit: Path) -> float:
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


if __name__ == "__main__":
    main(rows)
