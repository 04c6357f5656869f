"""Where a run's data are: on this machine, or wherever a cluster's nodes find them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from components.run_files import SAMPLE_DEVKIT_FOLDER
from components.saved_model.serving_folder import serving_state
from pipeline.config.schema import SAMPLE_DEVKIT, RunConfig
from tfds_voc_seg.devkit.fingerprint import fingerprint
from tfds_voc_seg.devkit.folders import devkit_path, find_devkit
from tfds_voc_seg.storage import absolute_place

if TYPE_CHECKING:
    from tfx.orchestration.data_types import RuntimeParameter


@dataclasses.dataclass(frozen=True)
class Places:
    """Where a run's data are, and what is known of them. A place that is a runtime parameter is named at the start.

    Attributes:
        devkit: the folder that holds `JPEGImages`.
        devkit_fingerprint: a hash of its content; empty where it is not known, and then a changed file does not make
            a new run by itself.
        pipeline_root: where TFX keeps the artifacts.
        serving_folder: the folder that the Pusher publishes to.
        serving_state: a hash of what is in service; empty where it is not known.
        training_folder: where trainings under way keep their state; empty for nowhere.
        metadata_file: the ML Metadata database; empty where the runner brings its own.
        epochs: what is trained for instead of the configured epochs, where it is above 0.
    """

    devkit: str | RuntimeParameter
    devkit_fingerprint: str
    pipeline_root: str
    serving_folder: str | RuntimeParameter
    serving_state: str
    training_folder: str
    metadata_file: str
    epochs: RuntimeParameter | None = None


def devkit_folder(config: RunConfig) -> Path:
    """Finds the run's devkit: the configured folder or URI, or a folder in it; the sample lies in the output folder.

    Raises:
        DevkitError: the folder exists, but holds no devkit; or a URI does not, or can't be opened.
    """
    if config.data.devkit == SAMPLE_DEVKIT:
        return config.output_folder / SAMPLE_DEVKIT_FOLDER
    folder = devkit_path(absolute_place(config.data.devkit))
    return find_devkit(folder) if "://" in str(folder) or folder.exists() else folder


def local_places(config: RunConfig) -> Places:
    """The places on this machine.

    The devkit and the publishing folder are looked at here: TFX's cache does not look into folders, so what is in them
    goes into the nodes' parameters.

    Raises:
        DevkitError: the devkit is on this machine, but can't be used.
    """
    folder = devkit_folder(config)
    return Places(
        devkit=str(folder),
        devkit_fingerprint=(
            fingerprint(folder, config.data.train_masks, boxes=config.data.boxes) if folder.exists() else ""
        ),
        pipeline_root=config.pipeline_root,
        serving_folder=config.serving_folder,
        serving_state=serving_state(config.serving_folder),
        training_folder=config.training_folder,
        metadata_file=config.metadata_file,
    )
