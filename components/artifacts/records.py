"""Reads and writes the Examples artifact: the records of each split, and their features."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tensorflow_datasets as tfds
from etils import epath
from tfx.types import artifact_utils

from tfds_voc_seg.records.files import Records

if TYPE_CHECKING:
    from tfx import types


def write_features(examples: types.Artifact, features: tfds.features.FeaturesDict) -> None:
    """Writes the features beside the splits, as TFDS does (`features.json`), so that TFDS can decode the records."""
    epath.Path(examples.uri).mkdir(parents=True, exist_ok=True)
    features.save_config(examples.uri)


def read_records(examples: types.Artifact) -> Records:
    """Lists the shards of an artifact and reads its features.

    Args:
        examples: an Examples artifact of VocExampleGen.

    Returns:
        The shards of each split, the class names, the image size, and whether the records store the classes of their
        background.
    """
    features: Any = tfds.features.FeaturesDict.from_config(examples.uri)
    files = {
        split: sorted(str(path) for path in epath.Path(artifact_utils.get_split_uri([examples], split)).iterdir())
        for split in artifact_utils.decode_split_names(examples.split_names)
    }
    names, size = tuple(features["classes"].feature.names), features["image"].shape[0]
    return Records(files, names, size, background_classes="background_classes" in features)
