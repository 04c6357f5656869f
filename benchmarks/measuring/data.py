"""What the benchmarks measure on: a devkit, records, exported networks."""

from __future__ import annotations

import contextlib
import itertools
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.measuring.options import Options
    from tfds_voc_seg.devkit.folders import Pair
    from tfds_voc_seg.record_config import RecordConfig


@contextlib.contextmanager
def devkit_and_scratch(options: Options, train_images: int, val_images: int) -> Iterator[tuple[Path, Path]]:
    """Yields the user's devkit, or else a sample devkit with that many images, and a temporary folder for outputs."""
    from tfds_voc_seg.sample.devkit import write_sample_devkit

    with tempfile.TemporaryDirectory() as scratch:
        if options.devkit:
            yield options.devkit, Path(scratch)
        else:
            devkit = Path(scratch) / "VOC2012"
            write_sample_devkit(devkit, train_images=train_images, val_images=val_images)
            yield devkit, Path(scratch)


def write_records(file: Path, pairs: Sequence[Pair], config: RecordConfig, count: int) -> None:
    """Encodes the pairs and writes `count` records, repeating them if there are fewer pairs."""
    import tensorflow as tf

    from tfds_voc_seg.records.encoding import PairEncoder

    encoder = PairEncoder(config)
    records = [encoder(pair) for pair in pairs[:count]]
    with tf.io.TFRecordWriter(str(file)) as writer:
        for record in itertools.islice(itertools.cycle(records), count):
            writer.write(record)


def export_network(network: Any, name: str, options: dict[str, Any], class_names: Sequence[str], folder: Path) -> None:
    """Exports a Keras network as a SavedModel, as the trainer does."""
    from components.saved_model.description import ModelDescription
    from components.saved_model.export import export_saved_model

    size, parameters = network.input_shape[1], network.count_params()
    description = ModelDescription(tuple(class_names), size, name, options, {}, parameters, 0.0)
    export_saved_model(network, description, folder)
