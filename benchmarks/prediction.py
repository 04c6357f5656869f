"""The time from starting `vocseg predict` to the results for one image.

    python -m benchmarks.prediction

The reference is a process that only imports TensorFlow and loads the same SavedModel. Both alternate, each run in a new
process. The networks have random weights.
"""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.measuring.command import main
from benchmarks.measuring.data import export_network
from benchmarks.measuring.row import Row, Target
from benchmarks.measuring.timing import PYTHON, VOCSEG, command_seconds, in_turns, paired

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.measuring.options import Options

NETWORKS: tuple[tuple[str, int, dict[str, Any]], ...] = (
    ("fcn8", 224, {"backbone": "mobilenet", "alpha": 0.25}),
    ("fcn8", 96, {"width": 0.25, "fully_connected_channels": 0, "batch_normalization": True}),
)
BARE = "import sys, tensorflow; tensorflow.saved_model.load(sys.argv[1])"


def rows(options: Options) -> Iterator[Row]:
    """Yields a row per network."""
    from tfds_voc_seg.sample.devkit import write_sample_devkit

    with tempfile.TemporaryDirectory() as scratch:
        write_sample_devkit(Path(scratch) / "VOC2012", train_images=1, val_images=1)
        photo = sorted(Path(scratch).rglob("*.jpg"))[0]
        for number, network in enumerate(options.size(NETWORKS, NETWORKS[:1])):
            yield row_of_network(*network, photo, Path(scratch) / str(number), options)


def row_of_network(
    name: str, image_size: int, settings: dict[str, Any], photo: Path, folder: Path, options: Options
) -> Row:
    """Exports a network to a new folder and measures it on a photo."""
    from components.networks import create_network
    from tfds_voc_seg.labels import VOC_CLASSES

    model = folder / "model"
    network = create_network(name, image_size=image_size, num_classes=len(VOC_CLASSES), **settings)
    export_network(network, name, settings, VOC_CLASSES, model)
    outputs = (str(folder / f"output{number}") for number in itertools.count())
    rounds = in_turns(
        options.rounds_of(full=5, quick=1),
        lambda: command_seconds(*VOCSEG, "predict", str(model), str(photo), "--output", next(outputs)),
        lambda: command_seconds(PYTHON, "-c", BARE, str(model)),
    )
    shown = f"{name} on {settings.get('backbone', 'VGG-16')} at {image_size} pixels"
    return Row(
        f"`vocseg predict` of one photo, {shown}",
        "a process that imports TensorFlow and loads the SavedModel",
        "s",
        paired(rounds),
        Target(1.3),
    )


if __name__ == "__main__":
    main(rows)
