"""The names of the targets and of their files. Imports nothing but the names of a run's files."""

from __future__ import annotations

from typing import Literal, get_args

from components.run_files import EXTRA_ASSETS_FOLDER

TargetName = Literal["litert", "litert_float16", "litert_int8", "onnx"]
TARGETS: tuple[TargetName, ...] = get_args(TargetName)

SAVED_MODEL_TARGET: Literal["saved_model"] = "saved_model"
"""The model that every run publishes; the targets are made from it."""

PUBLISHED_TARGETS_FOLDER = f"{EXTRA_ASSETS_FOLDER}/targets"
"""In a published version: one folder per target. TensorFlow Serving and `model_digest` ignore it."""
LITERT_FILE = "model.tflite"
ONNX_FILE = "model.onnx"
TARGET_CARD_FILE = "model_card.md"


def model_file(target: TargetName) -> str:
    """Returns the name of the file that holds the network of a target."""
    return ONNX_FILE if target == "onnx" else LITERT_FILE
