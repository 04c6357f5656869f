"""The time from starting `vocseg predict` to the results for one image.

    python -m benchmarks.prediction

The reference is a process that only imports TensorFlow and loads the same SavedModel. Both commands alternate, each run
in a new process; the medians are compared. The networks have random weights.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks._measuring import export_network

if TYPE_CHECKING:
    from collections.abc import Sequence

ROUNDS = 5
NETWORKS: tuple[tuple[str, int, dict[str, Any]], ...] = (
    ("fcn8", 96, {"width": 0.25, "fully_connected_channels": 0, "batch_normalization": True}),
    ("fcn8", 224, {"backbone": "mobilenet", "alpha": 0.25}),
)
BARE = "import sys, tensorflow; tensorflow.saved_model.load(sys.argv[1])"


def seconds(command: Sequence[str]) -> float:
    """Runs a command in a new process and returns its wall time."""
    begun = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - begun


def main() -> None:
    """Measures and prints the table."""
    from components.networks import create_network
    from tfds_voc_seg.labels import VOC_CLASSES
    from tfds_voc_seg.sample.devkit import write_sample_devkit

    print(f"{'network':>10}{'size':>6}{'import + load s':>17}{'vocseg predict s':>18}{'ratio':>7}", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        write_sample_devkit(Path(scratch) / "VOC2012", train_images=1, val_images=1)
        photo = str(sorted(Path(scratch).rglob("*.jpg"))[0])
        for number, (name, image_size, options) in enumerate(NETWORKS):
            model = Path(scratch) / str(number)
            network = create_network(name, image_size=image_size, num_classes=len(VOC_CLASSES), **options)
            export_network(network, name, options, VOC_CLASSES, model)
            predict = [sys.executable, "-m", "pipeline.cli", "predict", str(model), photo]
            bare_times, predict_times = [], []
            for turn in range(ROUNDS):
                bare_times.append(seconds([sys.executable, "-c", BARE, str(model)]))
                predict_times.append(seconds([*predict, "--output", f"{scratch}/out{number}_{turn}"]))
            bare, whole = statistics.median(bare_times), statistics.median(predict_times)
            print(f"{name:>10}{image_size:6}{bare:17.2f}{whole:18.2f}{whole / bare:7.2f}", flush=True)


if __name__ == "__main__":
    main()
