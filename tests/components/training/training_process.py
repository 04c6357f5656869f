"""A training as a program, which a test can kill or start several times.

    python -m tests.components.training.training_process SETTINGS.json FOLDER

SETTINGS.json contains `files` (split → shards), `class_names`, `image_size`, `training`, `options`, `kill_at`: the
number of the step at which the process kills itself, or null, and `devices`: the number of logical CPU devices to train
on, or null for the strategy of the configuration. The program writes FOLDER/result.npz with the final weights, and
FOLDER/run.
"""

from __future__ import annotations

import functools
import json
import os
import signal
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf
from etils import epath

from components.networks import create_network
from components.training.config import TrainingConfig
from components.training.distribution import is_chief, make_strategy
from components.training.loop import train
from components.training.resumption import TrainingFolder
from tfds_voc_seg.records.files import Records


def split_cpu(devices: int) -> None:
    """Splits the CPU into logical devices, which is possible only before TensorFlow uses it."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * devices)


@functools.cache
def mirrored_strategy(devices: int) -> tf.distribute.Strategy:
    """Returns one strategy per process: a second one on the same logical devices fails."""
    return tf.distribute.MirroredStrategy([f"CPU:{number}" for number in range(devices)])


def mirrored_on_cpu(devices: int) -> tf.distribute.Strategy:
    split_cpu(devices)
    return mirrored_strategy(devices)


def main(settings_file: str, folder: str) -> None:
    settings = json.loads(Path(settings_file).read_text())
    config = TrainingConfig(**settings["training"])
    strategy = mirrored_on_cpu(settings["devices"]) if settings["devices"] else make_strategy(config)
    records = Records(settings["files"], tuple(settings["class_names"]), settings["image_size"])
    own = Path(folder) if is_chief(strategy) else Path(folder) / f"worker{os.getpid()}"
    steps = 0

    def on_step(*_: object) -> None:
        nonlocal steps
        steps += 1
        if steps == settings["kill_at"]:
            os.kill(os.getpid(), signal.SIGKILL)

    network, _ = train(
        lambda: create_network(
            "unet",
            image_size=records.image_size,
            num_classes=len(records.class_names),
            **settings["options"],
        ),
        records,
        config,
        strategy,
        epath.Path(own / "run"),
        TrainingFolder(own / "state"),
        on_step,
    )
    np.savez(own / "result.npz", *network.get_weights())


if __name__ == "__main__":
    main(*sys.argv[1:])
