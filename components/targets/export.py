"""Exports a SavedModel as a target: its model file, its description and its card."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etils import epath

from components.run_files import MODEL_CARD_FILE
from components.saved_model.description import read_description
from components.saved_model.model_digest import model_digest
from components.targets.litert import convert_to_litert
from components.targets.names import TARGET_CARD_FILE, TargetName, model_file
from components.targets.scoring_function import INPUT_NAME, OUTPUT_NAME
from components.targets.target_folder import TargetDescription, TargetError, Tensor, write_description
from tfds_voc_seg.storage import copy_file, file_sha256

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from tfds_voc_seg.geometry import Geometry

DEFAULT_BATCH: dict[TargetName, int | None] = {"litert": 1, "litert_float16": 1, "litert_int8": 1, "onnx": None}
"""LiteRT computes networks of a fixed batch faster, ONNX Runtime does not."""

_INSIDE = ("conversion of the pixels to float32, their scaling and normalisation", "upsampling of the scores")
_RESIZE = {
    "stretch": "resize to {height} × {width} pixels, whatever the photo's shape",
    "pad": "resize so that the photo fits into {height} × {width} pixels, centre it, and fill the rest with the colour "
    "of padding",
    "crop": "resize the shorter side to {short_side} pixels, run overlapping windows of {height} × {width} pixels, and "
    "blend their probabilities",
}


def export_target(
    saved_model: epath.PathLike,
    target: TargetName,
    folder: epath.PathLike,
    *,
    batch: int | None = 1,
    representative: Sequence[NDArray[np.uint8]] = (),
) -> None:
    """Writes a target.

    Args:
        saved_model: the folder of a SavedModel that `check_model` accepted.
        target: the name of the target.
        folder: the target's folder, which is created.
        batch: the number of images that the model takes at once; `None` for any number, at least 1.
        representative: for `litert_int8`: images uint8 [height, width, 3] of the network's size.

    Raises:
        TargetError: the network cannot be converted, or `representative` is missing.
        ModuleNotFoundError: the converter is not installed.
    """
    if target == "litert_int8" and not representative:
        raise TargetError(
            "litert_int8 needs representative images, on which the ranges of the activations are measured"
        )
    folder, model = epath.Path(folder), read_description(saved_model)
    folder.mkdir(parents=True)
    file = folder / model_file(target)
    file.write_bytes(_converted(saved_model, target, batch, representative))
    card = epath.Path(saved_model) / MODEL_CARD_FILE
    if card.exists():
        copy_file(card, folder / TARGET_CARD_FILE)
    height, width = model.geometry.sides
    images, scores = (batch, height, width, 3), (batch, height, width, len(model.class_names))
    description = TargetDescription(
        format=target,
        file=file.name,
        bytes=int(file.stat().length),
        sha256=file_sha256(file),
        saved_model=model_digest(saved_model),
        input=Tensor(INPUT_NAME, "uint8", images, "images in RGB, 0 to 255, of the network's size"),
        output=Tensor(
            OUTPUT_NAME,
            "float32",
            scores,
            "linear scores per pixel and class: the class of a pixel is the position of its highest score in "
            "class_names, and the softmax of its scores gives probabilities",
        ),
        inside=_INSIDE,
        caller=_steps_of_caller(model.geometry),
    )
    write_description(folder, model, description)


def _converted(
    saved_model: epath.PathLike, target: TargetName, batch: int | None, representative: Sequence[NDArray[np.uint8]]
) -> bytes:
    try:
        if target == "onnx":
            from components.targets.onnx_format import convert_to_onnx  # here: its libraries are an extra

            return convert_to_onnx(saved_model, batch=batch)
        return convert_to_litert(saved_model, target, batch=batch, representative=representative)
    except (ImportError, OSError, MemoryError):
        raise
    except Exception as error:  # the converters raise exceptions of many types, with messages of many lines
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise TargetError(f"{saved_model} cannot be converted to {target}: {lines[0]}") from error


def _steps_of_caller(geometry: Geometry) -> tuple[str, ...]:
    height, width = geometry.sides
    resize = _RESIZE[geometry.resize].format(height=height, width=width, short_side=geometry.cropped_side)
    return (
        "decode the file to RGB, 8 bits per channel",
        "turn the photo upright as its EXIF orientation says",
        f"{resize}; bilinear, with antialiasing",
        "resize the scores bilinearly to the photo's size before taking the best class of each pixel",
    )
