"""The detector of a run as a page shows it."""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from etils import epath
from PIL import Image

from components.run_files import DETECTION_FILE, DETECTIONS_FOLDER, HISTORY_JSON
from pipeline.report.example_pictures import data_uri

# The names that DetectorTrainer gives its files, again: its module needs TFX. A test holds them together.
SHOWN_PICTURES = 6


@dataclasses.dataclass(frozen=True)
class Detector:
    """What a page shows of a detector.

    Attributes:
        figures: mean average precision on val, as `average_precision.detection_figures` gives it.
        epochs: of its training.
        pictures: `data:` URIs; the truth on the left, what was found on the right.
    """

    figures: Mapping[str, Any]
    epochs: int
    pictures: Sequence[str]


def read_detector(folder: epath.Path) -> Detector:
    """Reads what a DetectorTrainer left.

    Args:
        folder: its `detector_run`.

    Raises:
        OSError: a file is missing.
        ValueError: a file is damaged.
    """
    history_file = folder / HISTORY_JSON  # weights that were taken as they are have none
    history = json.loads(history_file.read_text()) if history_file.exists() else {}
    pictures = sorted((folder / DETECTIONS_FOLDER).glob("*.png"))[:SHOWN_PICTURES]
    return Detector(
        figures=json.loads((folder / DETECTION_FILE).read_text()),
        epochs=len(history.get("loss", [])),
        pictures=[_data_uri(picture) for picture in pictures],
    )


def _data_uri(file: epath.Path) -> str:
    with Image.open(io.BytesIO(file.read_bytes())) as image:
        return data_uri(np.asarray(image.convert("RGB")))
