"""Measures which engine is the fastest for a model on this machine, and keeps the result in a file.

The file is beside the model's folder or, if that is not writable, in the user's cache folder. It is only an
acceleration: if it is lost or damaged, the engines are measured again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import platform
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from components.manifest import has_manifest
from components.saved_model.model_digest import model_digest
from components.targets.libraries import ENGINE_DISTRIBUTIONS, installed_versions
from components.targets.network import available_cores
from components.targets.target_folder import read_target
from pipeline.engines.engine import EngineError, ModelError
from pipeline.engines.selection import ModelFiles, load_engine
from tfds_voc_seg.storage import write_text_whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from components.saved_model.description import ModelDescription
    from pipeline.engines.engine import Engine, EngineName

TIMINGS_FILE = ".vocseg_engines.json"
"""The file with the measured times; TensorFlow Serving ignores it beside the versions."""

_IMAGES = 4  # per run, as `vocseg predict` does by default
_SECONDS = 0.5  # per engine, after a first run
_MAX_KEPT = 100  # measurements in a file


def fastest_engine(files: ModelFiles, engines: Sequence[EngineName], *, trust: bool = False) -> EngineName:
    """Returns the engine that is the fastest for a model on this machine; measures it if it is not known yet.

    Args:
        files: the model.
        engines: the engines to compare, all of which are installed.
        trust: as for `load_segmenter`.

    Raises:
        ModelError: no engine can use the model; the message is that of the first one.
    """
    conditions: dict[str, Any] | None = None
    with contextlib.suppress(OSError, ValueError):  # a damaged file: what can be measured is, and it is not kept
        conditions = _conditions(files, engines)
    known = None if conditions is None else _kept_times(files, conditions)
    if known is not None:
        return min(known, key=known.__getitem__)
    times: dict[EngineName, float] = {}
    problems: list[ModelError] = []
    for name in engines:
        try:
            times[name] = milliseconds_per_image(*load_engine(files, name, trust=trust))
        except ModelError as error:
            problems.append(error)
        except (EngineError, MemoryError):  # perhaps with fewer images at once it works
            times[name] = math.inf
    if not times:
        raise problems[0]
    if conditions is not None and not problems and math.inf not in times.values():
        _keep(files, {**conditions, "milliseconds_per_image": times})
    return min(times, key=times.__getitem__)


def milliseconds_per_image(
    engine: Engine, description: ModelDescription, images: int = _IMAGES, seconds: float = _SECONDS
) -> float:
    """Measures an engine on noise: the shortest time of a run, divided by its images, in milliseconds.

    Args:
        engine: the engine, with a loaded network.
        description: the network's description.
        images: per run.
        seconds: how long to measure, after a first run.
    """
    batch = np.random.default_rng(0).integers(0, 256, (images, *description.geometry.sides, 3), np.uint8)
    engine.scores(batch)
    shortest, end = float("inf"), time.perf_counter() + seconds
    while True:
        begun = time.perf_counter()
        engine.scores(batch)
        now = time.perf_counter()
        shortest = min(shortest, now - begun)
        if now >= end:
            return 1000 * shortest / images


def _conditions(files: ModelFiles, engines: Sequence[EngineName]) -> dict[str, Any]:
    """Returns everything that a measurement depends on."""
    parts = [] if files.saved_model is None else [model_digest(files.saved_model)]
    parts += [read_target(folder, digest=False).target.sha256 for folder in files.targets.values()]
    return {
        "model": hashlib.sha256("".join(parts).encode()).hexdigest(),
        "machine": f"{platform.node()}, {_processor()}",
        "threads": available_cores(),
        "engines": list(engines),
        "versions": installed_versions(ENGINE_DISTRIBUTIONS),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _places(files: ModelFiles) -> list[Path]:
    """Returns where the file can be, the preferred place first."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
    folder = files.folder.parent
    beside = [] if has_manifest(folder) else [folder / TIMINGS_FILE]  # an artifact has no further files
    return [*beside, cache / "voc-seg" / TIMINGS_FILE.removeprefix(".")]


def _read(path: Path) -> list[dict[str, Any]]:
    """Reads the measurements of a file; none if it cannot be read."""
    try:
        kept = json.loads(path.read_text())
    except (OSError, ValueError):
        return []
    return [each for each in kept if isinstance(each, dict)] if isinstance(kept, list) else []


def _kept_times(files: ModelFiles, conditions: dict[str, Any]) -> dict[EngineName, float] | None:
    """Returns engine → milliseconds per image if it was measured under these conditions."""
    for path in _places(files):
        for kept in _read(path):
            times = kept.get("milliseconds_per_image")
            same = all(kept.get(key) == value for key, value in conditions.items())
            if same and isinstance(times, dict) and set(times) == set(conditions["engines"]):
                return times
    return None


def _keep(files: ModelFiles, measurement: dict[str, Any]) -> None:
    """Adds a measurement to the first file that can be written."""
    for path in _places(files):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text_whole(path, json.dumps([*_read(path), measurement][-_MAX_KEPT:], indent=2) + "\n")
        except OSError:
            continue
        return
