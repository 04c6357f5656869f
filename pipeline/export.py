"""Exports a published model as a target: the work of `vocseg export`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etils import epath

from components.saved_model.records_of_model import records_of_model
from components.saved_model.serving_folder import find_saved_model
from components.saved_model.signatures import check_model
from components.targets.export import export_target
from components.targets.representative import REPRESENTATIVE_IMAGES, representative_images
from components.targets.target_folder import TargetError, TargetModel, read_target
from tfds_voc_seg.devkit.folders import find_devkit
from tfds_voc_seg.devkit.label_sets import devkit_labels
from tfds_voc_seg.devkit.splits import read_split
from tfds_voc_seg.records.encoding import PairEncoder
from tfds_voc_seg.records.files import TRAIN_SPLIT
from tfds_voc_seg.storage import use_fsspec_for_s3, written_whole

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from components.saved_model.description import ModelDescription
    from components.targets.names import TargetName


def export_model(
    model: str,
    target: TargetName,
    output: Path,
    *,
    batch: int | None,
    devkit: str | None = None,
    trust: bool = False,
) -> TargetModel:
    """Writes a target; after an error, nothing is written.

    Args:
        model: a SavedModel, a publishing folder (its latest version), or the output folder of a run.
        target: the name of the target.
        output: the target's folder, which must not exist or must be empty.
        batch: the number of images that the model takes at once; `None` for any number.
        devkit: for `litert_int8`, a devkit with the model's classes, from whose train split the representative images
            are taken.
        trust: also load a model whose graph could reach files, processes or the network.

    Returns:
        The target as it was written.

    Raises:
        ModelNotFoundError: `model` holds no model.
        DevkitError: the devkit cannot be used.
        TargetError: the model cannot be used or converted, or the devkit has other classes.
        OSError: the target cannot be written, or its folder contains files.
    """
    folder = find_saved_model(model)
    try:
        description = check_model(str(folder), load=False, trust=trust)
    except ValueError as error:
        raise TargetError(f"{folder} cannot be exported: {error}") from error
    images = [] if devkit is None else _images_of_devkit(devkit, description)
    output.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(output) as unfinished:
        export_target(folder, target, unfinished, batch=batch, representative=images)
        if output.exists():
            output.rmdir()  # it is empty
    return read_target(epath.Path(output))


def _images_of_devkit(devkit: str, description: ModelDescription) -> list[NDArray[np.uint8]]:
    """Converts pairs that are spread evenly over the train split, as the training's records were converted."""
    use_fsspec_for_s3(devkit)
    folder = find_devkit(devkit)
    try:
        config = records_of_model(description, devkit_labels(folder))
    except ValueError as error:
        raise TargetError(f"{folder} does not fit the model: {error}") from error
    pairs = read_split(folder, TRAIN_SPLIT).pairs
    if not pairs:
        raise TargetError(f"the train split of {folder} has no pair of photo and mask, from which int8 needs some")
    encoder = PairEncoder(config)
    count = min(REPRESENTATIVE_IMAGES, len(pairs))
    records = (encoder(pairs[number * len(pairs) // count]) for number in range(count))
    return representative_images((record for record in records if record is not None), description.geometry)
