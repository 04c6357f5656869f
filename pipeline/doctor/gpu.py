"""Finds the driver of NVIDIA, and says why TensorFlow cannot use a GPU of this machine."""

from __future__ import annotations

import ctypes
import dataclasses
import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

DRIVER_FOLDER = Path("/proc/driver/nvidia")
OLDEST_DRIVERS = {12: (525, 60, 13)}
"""CUDA's major version → the oldest driver for it (CUDA compatibility, "minor version compatibility", table 2)."""

_LIBRARIES = {12: ("libcudart.so.12", "libcublas.so.12", "libcufft.so.11", "libcusolver.so.11", "libcusparse.so.12")}
"""CUDA's major version → the libraries that TensorFlow opens by name."""

_QUERY_SECONDS = 20.0


@dataclasses.dataclass(frozen=True)
class Driver:
    """NVIDIA's driver.

    Attributes:
        version: such as `580.159.04`; empty if it is not known.
        gpus: the names of the GPUs that it lists.
    """

    version: str
    gpus: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class TensorFlowGpus:
    """What TensorFlow says about GPUs.

    Attributes:
        names: the names of the GPUs that it can use.
        cuda: the version of CUDA that it was built for, such as `12.5.1`; empty for a build without CUDA.
        cudnn: the version of cuDNN that it was built for, such as `9`.
    """

    names: tuple[str, ...]
    cuda: str
    cudnn: str


def find_driver(folder: Path = DRIVER_FOLDER) -> Driver | None:
    """Finds the driver by its folder, or else, as on WSL, by its command `nvidia-smi`; `None` if there is no driver."""
    try:
        text = (folder / "version").read_text()
    except OSError:
        return _ask_driver()
    version = re.search(r"Kernel Module\D*?(?:for \S+)?\s+(\d+(?:\.\d+)+)", text)
    lines = [line for file in sorted(folder.glob("gpus/*/information")) for line in file.read_text().splitlines()]
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("Model:")]
    return Driver(version[1] if version else "", tuple(names))


def _ask_driver() -> Driver | None:
    command = shutil.which("nvidia-smi")
    if command is None:
        return None
    query = [command, "--query-gpu=driver_version,name", "--format=csv,noheader"]
    try:
        asked = subprocess.run(query, capture_output=True, text=True, timeout=_QUERY_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    rows = [row.split(", ", maxsplit=1) for row in asked.stdout.splitlines() if ", " in row]
    return Driver(rows[0][0], tuple(name for _, name in rows)) if rows else None


def tensorflow_gpus() -> TensorFlowGpus:
    """Asks TensorFlow, which loads CUDA's libraries for this."""
    import tensorflow as tf

    build = tf.sysconfig.get_build_info()
    details = [tf.config.experimental.get_device_details(gpu) for gpu in tf.config.list_physical_devices("GPU")]
    names = tuple(detail.get("device_name", "GPU") for detail in details)
    return TensorFlowGpus(names, str(build.get("cuda_version", "")), str(build.get("cudnn_version", "")))


def gpu_problem(driver: Driver | None, gpus: TensorFlowGpus) -> str | None:
    """Says why TensorFlow cannot use the GPU of this machine, and what to do.

    Returns:
        `None` if there is no GPU or TensorFlow can use it.
    """
    if driver is None or gpus.names:
        return None
    name = driver.gpus[0] if driver.gpus else "the GPU"
    cause = _cause(driver, gpus)
    return f"TensorFlow cannot use {name}: {cause}"


def _cause(driver: Driver, gpus: TensorFlowGpus) -> str:
    if not gpus.cuda:
        return "this build of TensorFlow has no CUDA; install `tensorflow` in place of `tensorflow-cpu` (`make env`)"
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    if hidden is not None and hidden.strip() in ("", "-1"):
        return f"the environment variable CUDA_VISIBLE_DEVICES={hidden} hides it; unset the variable"
    if not driver.gpus:
        return "the driver lists no GPU; check `nvidia-smi`, and that a container may use the GPU (`--gpus all`)"
    major = int(gpus.cuda.partition(".")[0])
    oldest = OLDEST_DRIVERS.get(major)
    if oldest and driver.version and _numbers(driver.version) < oldest:
        needed = ".".join(map(str, oldest))
        return f"the driver {driver.version} is too old for CUDA {major}; update it to {needed} or later"
    missing = missing_libraries((*_LIBRARIES.get(major, ()), *([f"libcudnn.so.{gpus.cudnn}"] if gpus.cudnn else [])))
    if missing:
        return f"{', '.join(missing)} cannot be loaded; run `make env`, or pip install 'voc-seg[gpu]'"
    return "TensorFlow's own messages say why; see the log, and check that this user may open /dev/nvidiactl"


def missing_libraries(names: Sequence[str]) -> list[str]:
    """Returns the libraries that are neither in NVIDIA's Python packages nor found by the system's loader."""
    package = importlib.util.find_spec("nvidia")
    folders = [Path(place) for place in (package.submodule_search_locations or [])] if package else []
    installed = {file.name for folder in folders for file in folder.glob("*/lib/*.so*")}
    return [name for name in names if name not in installed and not _loads(name)]


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split("."))


def device_text(driver: Driver | None, gpus: TensorFlowGpus) -> str:
    """Names the device that trainings run on, such as `2 × NVIDIA H200 (driver 580.159.04)` or `CPU, 8 cores`."""
    if not gpus.names:
        cores = len(os.sched_getaffinity(0))
        return f"CPU, {cores} core{'s' if cores > 1 else ''}"
    number = f"{len(gpus.names)} × " if len(gpus.names) > 1 else ""
    version = f" (driver {driver.version})" if driver and driver.version else ""
    return f"{number}{gpus.names[0]}{version}"
