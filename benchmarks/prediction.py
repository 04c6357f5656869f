"""The time from starting `vocseg predict` to the results of one image.

    python -m benchmarks.prediction

Against a process that imports TensorFlow and loads the same SavedModel, and does nothing else. Each in a fresh process,
the two take turns; the medians count. Networks have random weights.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROUNDS, CLASSES = 5, 21
NETWORKS: tuple[tuple[str, int, dict[str, Any]], ...] = (
    ("fcn8", 96, {"width": 0.25, "fully_connected_channels": 0, "batch_normalization": True}),
    ("fcn8", 224, {"backbone": "mobilenet", "alpha": 0.25}),
)
BARE = "import sys, tensorflow; tensorflow.saved_model.load(sys.argv[1])"


def export(name: str, image_size: int, options: dict[str, Any], folder: Path) -> None:
    """Exports a network as the trainer does."""
    from components.networks import create_network
    from components.saved_model.description import ModelDescription
    from components.saved_model.export import export_saved_model
    from tfds_voc_seg.labels import VOC_CLASSES

    network = create_network(name, image_size=image_size, num_classes=CLASSES, **options)
    description = ModelDescription(VOC_CLASSES, image_size, name, options, {}, network.count_params(), 0.0)
    export_saved_model(network, description, folder)


def seconds(command: Sequence[str]) -> float:
    """How long a process takes from start to end."""
    begun = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - begun


def main() -> None:
    """Prints a table."""
    from tfds_voc_seg.sample.devkit import write_sample_devkit

    print(f"{'network':>10}{'size':>6}{'import + load s':>17}{'vocseg predict s':>18}{'ratio':>7}", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        write_sample_devkit(Path(scratch) / "VOC2012", train_images=1, val_images=1)
        photo = str(sorted(Path(scratch).rglob("*.jpg"))[0])
        for number, (name, image_size, options) in enumerate(NETWORKS):
            model = Path(scratch) / str(number)
            export(name, image_size, options, model)
            predict = [sys.executable, "-m", "pipeline.cli", "predict", str(model), photo]
            bare_times, predict_times = [], []
            for turn in range(ROUNDS):
                bare_times.append(seconds([sys.executable, "-c", BARE, str(model)]))
                predict_times.append(seconds([*predict, "--output", f"{scratch}/out{number}_{turn}"]))
            bare, whole = statistics.median(bare_times), statistics.median(predict_times)
            print(f"{name:>10}{image_size:6}{bare:17.2f}{whole:18.2f}{whole / bare:7.2f}", flush=True)


if __name__ == "__main__":
    main()
