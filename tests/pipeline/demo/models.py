"""Tiny models with known class maps: one recognises red and blue, one predicts background everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tests.exported_models import export_linear_model

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

CLASS_NAMES = ("background", "person", "dog", "car")
IMAGE_SIZE = 32


def export_colour_model(folder: Path, *, blind: bool = False) -> Path:
    """Exports a model that predicts person for red and car for blue; with `blind`, background everywhere."""
    from components.saved_model.description import ModelDescription

    kernel = np.zeros((3, len(CLASS_NAMES)), np.float32)
    kernel[0, 1] = kernel[2, 3] = 1 / 255
    bias = np.array([9 if blind else 0.5, 0, 0, 0], np.float32)
    description = ModelDescription(CLASS_NAMES, IMAGE_SIZE, "colours", {}, {}, 16, 0.0)
    return export_linear_model(description, kernel, bias, folder)


def picture() -> NDArray[np.uint8]:
    """Returns uint8 [120, 160, 3]: dark grey, a red square on the left, a blue one on the right."""
    pixels = np.full((120, 160, 3), 60, np.uint8)
    pixels[30:90, 15:65], pixels[30:90, 95:145] = (220, 40, 40), (40, 40, 230)
    return pixels
