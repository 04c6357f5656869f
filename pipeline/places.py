"""Where the data of a run are, on this machine or on a cluster."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from components.run_files import SAMPLE_DEVKIT_FOLDER
from components.saved_model.serving_folder import serving_state
from pipeline.config.data import SAMPLE_DEVKIT
from tfds_voc_seg.devkit.fingerprint import fingerprint
from tfds_voc_seg.devkit.folders import devkit_path, find_devkit
from tfds_voc_seg.storage import absolute_place

if TYPE_CHECKING:
    from pathlib import Path

    from tfx.orchestration.data_types import RuntimeParameter

    from pipeline.config.schema import RunConfig


@dataclasses.dataclass(frozen=True)
class Places:
    """The places of a run's data. The value of a runtime parameter is given when the run is started.

    Attributes:
        devkit: the folder that holds `JPEGImages`.
        devkit_fingerprint: a hash of the devkit's content. Empty if the content is unknown: then TFX does not notice a
            changed file, and uses cached results.
        pipeline_root: where TFX stores the artifacts.
        serving_folder: the folder that the Pusher publishes to.
        serving_state: a hash of what is in service; empty if it is unknown.
        training_folder: where unfinished trainings store their state; empty if they store none.
        metadata_file: the database of ML Metadata; empty if the runner has its own.
        epochs: the number of epochs, which overrides the configured one if it is above 0.
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
    """Returns the folder of the run's devkit.

    It is the configured folder or URI, or a subfolder of it; the embedded sample is in the output folder. A folder on
    this machine does not need to exist.

    Raises:
        DevkitError: the folder exists but holds no devkit, or a URI cannot be opened or holds no devkit.
    """
    if config.data.devkit == SAMPLE_DEVKIT:
        return config.output_folder / SAMPLE_DEVKIT_FOLDER
    folder = devkit_path(absolute_place(config.data.devkit))
    return find_devkit(folder) if "://" in str(folder) or folder.exists() else folder


def local_places(config: RunConfig) -> Places:
    """Returns the places on this machine.

    Reads the devkit and the publishing folder and hashes their content: TFX's cache key does not cover the content of
    folders, so the hashes become parameters of the nodes.

    Raises:
        DevkitError: the devkit exists, but cannot be used.
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
