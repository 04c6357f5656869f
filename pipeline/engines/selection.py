"""Finds out which engines a model and this machine have, and loads the model with one of them."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from components.saved_model.serving_folder import ModelNotFoundError, find_saved_model
from components.targets.target_folder import TargetError, is_target, published_targets, read_target
from pipeline.engines.engine import AUTO, ENGINES, Engine, EngineName, ModelError
from tfds_voc_seg.error_messages import message_of_library
from tfds_voc_seg.storage import StorageError, local_path

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from components.saved_model.description import ModelDescription
    from components.targets.names import TargetName
    from components.targets.target_folder import TargetModel

_NVIDIA_GPUS = Path("/proc/driver/nvidia/gpus")

_PACKAGES: Mapping[EngineName, Mapping[str, str]] = {
    "tensorflow": {"tensorflow": "tensorflow"},
    "litert": {"ai_edge_litert": "ai-edge-litert", "simplejpeg": "simplejpeg"},
    "onnx": {"onnxruntime": "onnxruntime", "simplejpeg": "simplejpeg"},
}
"""Engine → module → the package that has it."""

_PUBLISHED_TARGETS: Mapping[EngineName, TargetName] = {"litert": "litert", "onnx": "onnx"}
"""Engine → the target of a published model that has the same class maps as the SavedModel."""


@dataclasses.dataclass(frozen=True)
class ModelFiles:
    """The files of a model.

    Attributes:
        model: what the user named.
        saved_model: the folder of the SavedModel; `None` if the user named an export target.
        targets: engine → the folder of the target that it runs.
    """

    model: str
    saved_model: Path | None
    targets: Mapping[EngineName, Path]

    @property
    def engines(self) -> list[EngineName]:
        """The engines that have a file, in the order of `ENGINES`."""
        return [name for name in ENGINES if name in self.targets or (name == "tensorflow" and self.saved_model)]

    @property
    def folder(self) -> Path:
        """The folder of the SavedModel, or of the export target that the user named."""
        return self.saved_model or next(iter(self.targets.values()))

    def folder_of(self, engine: EngineName) -> Path:
        """Returns the folder that an engine runs, one of `engines`."""
        return self.targets.get(engine, self.folder)


def find_model(model: str | os.PathLike[str]) -> ModelFiles:
    """Finds the files of a model that a user names.

    Args:
        model: as for `load_segmenter`.

    Raises:
        ModelNotFoundError: the folder contains no model.
        ModelError: it is a damaged export target.
    """
    try:
        saved_model = find_saved_model(model)
    except ModelNotFoundError:
        with contextlib.suppress(OSError, StorageError):  # the error above says what is wrong
            folder = local_path(Path(model)).resolve()
            if is_target(folder):
                return ModelFiles(str(model), None, {engine_of(_read_target(folder)): folder})
        raise
    published = published_targets(saved_model)
    targets = {name: Path(published[target]) for name, target in _PUBLISHED_TARGETS.items() if target in published}
    return ModelFiles(str(model), saved_model, targets)


def choose_engine(files: ModelFiles, engine: str, *, trust: bool = False) -> EngineName:
    """Finds out which engine runs a model.

    Args:
        files: the model.
        engine: an engine's name or `AUTO`. That is TensorFlow if the model has no targets, if no other engine is
            installed, or if the machine has an NVIDIA GPU; otherwise the fastest by a measurement, see `measurement`.
        trust: as for `load_segmenter`.

    Raises:
        ModelError: the model does not have this engine, or it is not installed.
    """
    if engine == AUTO:
        usable = [name for name in files.engines if missing_packages(name) is None]
        if len(usable) > 1 and not _NVIDIA_GPUS.is_dir():
            from pipeline.engines.measurement import fastest_engine

            return fastest_engine(files, usable, trust=trust)
        engine = (usable or files.engines)[0]
    name = next((known for known in ENGINES if known == engine), None)
    if name is None:
        raise ModelError(f"the engine {engine!r} is unknown: use {', '.join(ENGINES)} or {AUTO}")
    if name not in files.engines:
        raise ModelError(_no_file(files, name))
    if (problem := missing_packages(name)) is not None:
        raise ModelError(problem)
    return name


def load_engine(
    files: ModelFiles, engine: EngineName, *, trust: bool = False, threads: int | None = None
) -> tuple[Engine, ModelDescription]:
    """Loads a model.

    Args:
        files: the model.
        engine: an engine that `choose_engine` returned.
        trust: as for `load_segmenter`.
        threads: how many threads compute; by default one per core. TensorFlow ignores it.

    Returns:
        The engine, and the model's description.

    Raises:
        ModelError: the model cannot be used.
    """
    try:
        return _load_tensorflow(files, trust) if engine == "tensorflow" else _load_target(files, engine, threads)
    except ModelError:
        raise
    except (ValueError, OSError, RuntimeError) as error:
        raise ModelError(f"{files.model} cannot be used: {message_of_library(error, 500)}") from error


def _no_file(files: ModelFiles, engine: EngineName) -> str:
    if engine == "tensorflow":
        return f"{files.model} is an export target, which TensorFlow cannot run: name the published model"
    target = _PUBLISHED_TARGETS[engine]
    if files.saved_model is None:
        return f"{files.model} has no file for the engine {engine}: name a folder that `vocseg export` wrote for it"
    return (
        f"{files.model} has no file for the engine {engine}: write one with `vocseg export {files.model} --target "
        f"{target} --output DIR`, and name DIR as the model"
    )


def missing_packages(engine: EngineName) -> str | None:
    """Returns a sentence that says which packages an engine lacks and how to install them; `None` if it has all."""
    missing = [package for module, package in _PACKAGES[engine].items() if importlib.util.find_spec(module) is None]
    install = "tensorflow" if engine == "tensorflow" else f"'voc-seg[{engine}]'"
    return f"the engine {engine} needs {' and '.join(missing)}: pip install {install}" if missing else None


def _load_tensorflow(files: ModelFiles, trust: bool) -> tuple[Engine, ModelDescription]:
    import tensorflow as tf

    from components.saved_model.signatures import check_model
    from pipeline.engines.tensorflow_engine import TensorflowEngine

    assert files.saved_model is not None  # the engine has a file
    try:
        description = check_model(str(files.saved_model), load=False, trust=trust)
        return TensorflowEngine(files.saved_model), description
    except tf.errors.OpError as error:
        raise ValueError(message_of_library(error, 500)) from error


def _load_target(files: ModelFiles, engine: EngineName, threads: int | None) -> tuple[Engine, ModelDescription]:
    from pipeline.engines.target_engine import TargetEngine

    target = _read_target(files.targets[engine])
    return TargetEngine(engine, target, threads), target.model


def engine_of(target: TargetModel) -> EngineName:
    """Returns the engine that runs a target."""
    return "onnx" if target.target.format == "onnx" else "litert"


def _read_target(folder: Path) -> TargetModel:
    try:
        return read_target(folder)
    except TargetError as error:
        raise ModelError(str(error)) from error
