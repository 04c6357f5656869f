"""Reads and writes the Examples artifact: the records of each split, and their features."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import tensorflow_datasets as tfds
from etils import epath
from tfx.types import artifact_utils

from components.manifest import ArtifactError, find_damage, read_manifest
from components.run_files import RECORD_CONFIG_FILE
from tfds_voc_seg.image_size import checked_image_size
from tfds_voc_seg.record_config import RecordConfig
from tfds_voc_seg.records.features import record_features
from tfds_voc_seg.records.files import Records

if TYPE_CHECKING:
    from tfx import types


def write_description(examples: types.Artifact, config: RecordConfig) -> None:
    """Writes what the records are, beside the splits.

    `features.json` has the features, as TFDS writes them, so that TFDS can decode the records. `record_config.json` has
    the configuration, with ids and colours of the classes.
    """
    folder = epath.Path(examples.uri)
    folder.mkdir(parents=True, exist_ok=True)
    record_features(config).save_config(examples.uri)
    (folder / RECORD_CONFIG_FILE).write_text(json.dumps(config.as_json(), indent=2) + "\n")


def read_records(examples: types.Artifact) -> Records:
    """Lists the shards that the artifact's manifest names, and reads the artifact's features.

    Args:
        examples: an Examples artifact of VocExampleGen.

    Returns:
        The shards of each split, the class names, the image size, whether the records store the classes of their
        background, and the configuration that they were converted with.

    Raises:
        ArtifactError: the artifact has no manifest, or a file is missing, has another size, or is not in the manifest.
    """
    if damage := find_damage(examples.uri, digests="none"):
        raise ArtifactError(f"{damage}; run the same command again to convert the devkit again")
    features: Any = tfds.features.FeaturesDict.from_config(examples.uri)
    shards = [epath.Path(examples.uri) / file.name for file in read_manifest(examples.uri) if file.records is not None]
    files = {
        split: sorted(str(path) for path in shards if path.parent == _split_folder(examples, split))
        for split in artifact_utils.decode_split_names(examples.split_names)
    }
    config_file = epath.Path(examples.uri) / RECORD_CONFIG_FILE
    config = RecordConfig.from_json(json.loads(config_file.read_text())) if config_file.exists() else None
    names, shape = tuple(features["classes"].feature.names), features["image"].shape[:2]
    size = config.image_size if config and config.image_size else checked_image_size(shape)
    return Records(files, names, size, background_classes="background_classes" in features, config=config)


def _split_folder(examples: types.Artifact, split: str) -> epath.Path:
    return epath.Path(artifact_utils.get_split_uri([examples], split))
