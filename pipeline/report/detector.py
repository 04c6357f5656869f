"""Reads the detector of a run for a page."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

from components.run_files import DETECTION_FILE, DETECTIONS_FOLDER, HISTORY_JSON
from pipeline.report.example_pictures import data_uri, read_picture

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from etils import epath

SHOWN_PICTURES = 6


@dataclasses.dataclass(frozen=True)
class Detector:
    """A detector, as a page shows it.

    Attributes:
        figures: average precision on the val split, as returned by `average_precision.detection_metrics`.
        epochs: the number of epochs of the training.
        pictures: `data:` URIs; each picture has the ground truth on the left and the detections on the right.
    """

    figures: Mapping[str, Any]
    epochs: int
    pictures: Sequence[str]


def read_detector(folder: epath.Path) -> Detector:
    """Reads the artifact `detector_run` of a DetectorTrainer.

    Args:
        folder: the artifact's folder.

    Raises:
        OSError: a file is missing.
        ValueError: a file is damaged.
    """
    history_file = folder / HISTORY_JSON  # missing if the weights were used without training
    history = json.loads(history_file.read_text()) if history_file.exists() else {}
    pictures = sorted((folder / DETECTIONS_FOLDER).glob("*.png"))[:SHOWN_PICTURES]
    return Detector(
        figures=json.loads((folder / DETECTION_FILE).read_text()),
        epochs=len(history.get("loss", [])),
        pictures=[data_uri(read_picture(picture, "RGB")) for picture in pictures],
    )
