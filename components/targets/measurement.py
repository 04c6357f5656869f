"""Measures how long a model takes for one image and how much memory, in a new process that holds nothing else.

The process is `python -m components.targets.measurement FOLDER THREADS`.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from components.python_path import python_path
from components.run_files import SAVED_MODEL_FILE
from components.targets.network import load_network
from components.targets.target_folder import read_target

if TYPE_CHECKING:
    from collections.abc import Callable

    from etils import epath
    from numpy.typing import NDArray

_RUNS = 15
_TIMEOUT_SECONDS = 600
_MODULE = "components.targets.measurement"


class MeasurementError(RuntimeError):
    """A model cannot be measured; the message is the last line that its process printed."""


class MeasurementTimeoutError(MeasurementError):
    """A measurement took too long, perhaps because the machine is busy: it says nothing about the model."""


def measure(folder: epath.PathLike, threads: int) -> dict[str, float]:
    """Measures a target or a SavedModel on a black image, on the CPU.

    Args:
        folder: the folder of the target or of the SavedModel, on this machine.
        threads: how many threads compute.

    Returns:
        `latency_seconds`, the median time for one image of the network's size; `peak_memory_bytes` of the process,
        libraries included; `load_seconds`, from the import of the runtime until the first image is done.

    Raises:
        MeasurementTimeoutError: it took more than ten minutes.
        MeasurementError: the model cannot be run.
    """
    environment = {**os.environ, "PYTHONPATH": python_path(), "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-P", "-m", _MODULE, str(folder), str(threads)]
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise MeasurementTimeoutError(f"{folder} took more than {_TIMEOUT_SECONDS} s") from error
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        if done.returncode < 0 or not lines:  # killed: the last line is not the reason
            lines = [f"its process ended with status {done.returncode}"]
        raise MeasurementError(f"{folder} cannot be run: {lines[-1]}")
    measured: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return measured


def _measured(folder: Path, threads: int) -> dict[str, float]:
    started = time.perf_counter()
    run = _saved_model(folder, threads) if (folder / SAVED_MODEL_FILE).is_file() else _target(folder, threads)
    run()
    loaded = time.perf_counter() - started
    times = []
    for _ in range(_RUNS):
        before = time.perf_counter()
        run()
        times.append(time.perf_counter() - before)
    return {"latency_seconds": statistics.median(times), "peak_memory_bytes": peak_memory(), "load_seconds": loaded}


def _target(folder: Path, threads: int) -> Callable[[], Any]:
    target = read_target(folder)
    network, image = load_network(target, threads), _black(target.target.input.shape[1:])
    return lambda: network.scores(image)


def _saved_model(folder: Path, threads: int) -> Callable[[], Any]:
    import tensorflow as tf  # here: a target is measured without it

    from components.saved_model.signatures import SCORE_IMAGES_SIGNATURE

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    model = tf.saved_model.load(str(folder))
    signature = model.signatures[SCORE_IMAGES_SIGNATURE]
    image = tf.constant(_black(signature.structured_input_signature[1]["images"].shape[1:]))
    return lambda: (model, signature(images=image)["scores"].numpy())


def _black(sides: Any) -> NDArray[np.uint8]:
    return np.zeros((1, *sides), np.uint8)


def peak_memory() -> int:
    """Returns the largest resident memory of this process in bytes.

    That of `getrusage` includes the parent's before `exec`.
    """
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return 1024 * int(found[1]) if found else 0


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_measured(Path(sys.argv[1]), int(sys.argv[2]))) + "\n")
