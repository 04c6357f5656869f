"""The Examples artifact as this project writes and reads it."""

from __future__ import annotations

from typing import Any

import tensorflow_datasets as tfds
from etils import epath
from tfx import types
from tfx.types import artifact_utils

from tfds_voc_seg.records.files import Records


def write_features(examples: types.Artifact, features: tfds.features.FeaturesDict) -> None:
    """Writes the features beside the splits as TFDS does (`features.json`): TFDS alone can then decode the records."""
    epath.Path(examples.uri).mkdir(parents=True, exist_ok=True)
    features.save_config(examples.uri)


def read_records(examples: types.Artifact) -> Records:
    """Lists an artifact's shards and reads its features."""
    features: Any = tfds.features.FeaturesDict.from_config(examples.uri)
    files = {
        split: sorted(str(path) for path in epath.Path(artifact_utils.get_split_uri([examples], split)).iterdir())
        for split in artifact_utils.decode_split_names(examples.split_names)
    }
    names, size = tuple(features["classes"].feature.names), features["image"].shape[0]
    return Records(files, names, size, background_classes="background_classes" in features)
