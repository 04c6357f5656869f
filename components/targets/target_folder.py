"""The folder of a target: a model for another runtime, with all that a program needs to use it.

It holds `model.tflite` or `model.onnx`, `segmentation.json` and, if the model has one, its card `model_card.md`, and
needs no other file. `segmentation.json` is the description of the SavedModel with one more section, `target`. In a
published version the folders are `assets.extra/targets/<target>/`; `vocseg export` writes them anywhere. This module
needs no TensorFlow.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any, cast

from etils import epath

from components.run_files import DESCRIPTION_FILE
from components.saved_model.description import ModelDescription, parse_description
from components.targets.names import PUBLISHED_TARGETS_FOLDER, TARGETS, TargetName, model_file
from tfds_voc_seg.image_size import sides_of
from tfds_voc_seg.storage import file_sha256

_SECTION = "target"


class TargetError(ValueError):
    """The folder of a target cannot be used; the message names the file and says what is wrong."""


@dataclasses.dataclass(frozen=True)
class Tensor:
    """The input or the output of a target's network.

    Attributes:
        name: in the model file.
        dtype: numpy's name of the type.
        shape: the sides; `None` for a batch of any size.
        content: what the values mean, in words.
    """

    name: str
    dtype: str
    shape: tuple[int | None, ...]
    content: str


@dataclasses.dataclass(frozen=True)
class TargetDescription:
    """The section `target` of the description.

    Attributes:
        format: the target.
        file: the name of the model file, in the target's folder.
        bytes: the size of the model file.
        sha256: the hex digest of the model file.
        saved_model: the `model_digest` of the SavedModel that the target was made from.
        input: uint8 [batch, height, width, 3], images of the network's size.
        output: float32 [batch, height, width, classes], linear scores like those of the signature `score_images`.
        inside: the steps that the model file does itself, in words.
        caller: the steps that the caller does before, in words.
    """

    format: TargetName
    file: str
    bytes: int
    sha256: str
    saved_model: str
    input: Tensor
    output: Tensor
    inside: tuple[str, ...]
    caller: tuple[str, ...]

    @property
    def batch(self) -> int | None:
        """The number of images that the network takes at once; `None` if it takes any number."""
        return self.input.shape[0]


@dataclasses.dataclass(frozen=True)
class TargetModel:
    """A target that can be loaded.

    Attributes:
        folder: the target's folder.
        model: the description of the model: classes, colours, geometry.
        target: the description of its file.
    """

    folder: epath.Path
    model: ModelDescription
    target: TargetDescription

    @property
    def file(self) -> epath.Path:
        """The path of the model file."""
        return self.folder / self.target.file


def write_description(folder: epath.PathLike, model: ModelDescription, target: TargetDescription) -> None:
    """Writes `segmentation.json` into the folder of a target, which has the model file already."""
    values = {**json.loads(model.to_json()), _SECTION: dataclasses.asdict(target)}
    (epath.Path(folder) / DESCRIPTION_FILE).write_text(json.dumps(values, indent=2) + "\n")


def read_target(folder: epath.PathLike, *, digest: bool = True) -> TargetModel:
    """Reads the descriptions of a target and compares its model file with them, without loading the model.

    Args:
        folder: the target's folder, local or remote.
        digest: also compare the digest of the model file, which reads all of it; otherwise its size alone.

    Raises:
        TargetError: the folder is not a target, is of an unknown format, or its model file is missing or damaged.
    """
    folder = epath.Path(folder)
    path = folder / DESCRIPTION_FILE
    try:
        text = path.read_text()
        model, target = parse_description(text), _parse_target(json.loads(text))
        _require_agreement(model, target)
    except (OSError, ValueError) as error:
        raise TargetError(f"{folder} is not an exported model: {path} cannot be read ({error})") from error
    found = TargetModel(folder, model, target)
    if (damage := _damage(found, digest=digest)) is not None:
        raise TargetError(f"{damage}; export the model again")
    return found


def is_target(folder: epath.PathLike) -> bool:
    """Returns whether a folder looks like a target: it has a model file and a description."""
    folder = epath.Path(folder)
    has_model = any((folder / model_file(name)).is_file() for name in TARGETS)
    return has_model and bool((folder / DESCRIPTION_FILE).is_file())


def published_targets(version: epath.PathLike) -> dict[TargetName, epath.Path]:
    """Lists the targets of a published version, or of another SavedModel: target → its folder."""
    folder = epath.Path(version) / PUBLISHED_TARGETS_FOLDER
    return {name: folder / name for name in TARGETS if is_target(folder / name)}


def _parse_target(values: dict[str, Any]) -> TargetDescription:
    """Parses the section `target`; keys that a later version of this project may add are ignored."""
    try:
        known = _known_fields(TargetDescription, values[_SECTION])
        if known["format"] not in TARGETS:
            raise ValueError(f"its format {known['format']!r} is unknown; known are {', '.join(TARGETS)}")
        if known["file"] != model_file(known["format"]):  # a path could lead out of the folder
            raise ValueError(f"its file is {known['file']!r} instead of {model_file(known['format'])!r}")
        for name, kind in (("bytes", int), ("sha256", str), ("saved_model", str)):
            if not isinstance(known[name], kind):
                raise TypeError(f"{name!r} is {known[name]!r}")
        tensors = {name: _parse_tensor(known[name]) for name in ("input", "output")}
        texts = {name: tuple(map(str, known[name])) for name in ("inside", "caller")}
        return TargetDescription(**{**known, **tensors, **texts})
    except KeyError as error:
        raise ValueError(f"it lacks {error}") from error
    except TypeError as error:
        raise ValueError(f"its section {_SECTION!r} is invalid: {error}") from error


def _parse_tensor(values: dict[str, Any]) -> Tensor:
    known = _known_fields(Tensor, values)
    shape = tuple(known["shape"])
    sides = shape[1:] if shape[:1] == (None,) else shape  # batch, height, width, channels
    if len(shape) != 4 or not all(isinstance(side, int) and side > 0 for side in sides):
        raise ValueError(f"the tensor {known['name']!r} has the shape {list(shape)} instead of four sides")
    return Tensor(**{**known, "shape": shape})


def _require_agreement(model: ModelDescription, target: TargetDescription) -> None:
    sides = sides_of(model.image_size)
    for tensor, channels in ((target.input, 3), (target.output, len(model.class_names))):
        if tensor.shape[1:] != (*sides, channels):
            raise ValueError(
                f"the tensor {tensor.name!r} has the shape {list(tensor.shape)}; images of {sides[0]}×{sides[1]} and "
                f"{len(model.class_names)} classes need [N, {sides[0]}, {sides[1]}, {channels}]"
            )


def _known_fields(kind: type[TargetDescription | Tensor], values: dict[str, Any]) -> dict[str, Any]:
    return {field.name: values[field.name] for field in dataclasses.fields(kind)}


def _damage(target: TargetModel, *, digest: bool) -> str | None:
    if not target.file.is_file():
        return f"{target.file} is missing"
    size = cast("int", target.file.stat().length)
    if size != target.target.bytes:
        return f"{target.file} has {size:,} bytes instead of {target.target.bytes:,}"
    if digest and file_sha256(target.file) != target.target.sha256:
        return f"the content of {target.file} has changed"
    return None
