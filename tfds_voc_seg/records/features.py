"""The features of a record, in TFDS's terms."""

from __future__ import annotations

import numpy as np
import tensorflow_datasets as tfds

from tfds_voc_seg.geometry import Geometry
from tfds_voc_seg.image_size import sides_of
from tfds_voc_seg.label_set import LabelSet, label_set_of_names
from tfds_voc_seg.record_config import RecordConfig

_RECORD_CONFIG = "record_config"  # a key of the metadata


def record_features(config: RecordConfig) -> tfds.features.FeaturesDict:
    """Returns the TFDS features of the records that `PairEncoder` writes; TFDS can decode them without this package."""
    channels = len(config.class_names)
    size = config.record_size
    height, width = (None, None) if size is None or isinstance(size, Geometry) else sides_of(size)
    objects = {
        "objects": tfds.features.Sequence(
            {
                "bbox": tfds.features.BBoxFeature(),
                "label": tfds.features.ClassLabel(names=config.class_names),
                "difficult": np.bool_,
                "truncated": np.bool_,
            }
        )
    }
    return tfds.features.FeaturesDict(
        {
            "image": tfds.features.Image(shape=(height, width, 3), encoding_format=config.image_encoding),
            "segmentation_mask": _compressed_feature(height, width, channels),
            "classes": tfds.features.Sequence(tfds.features.ClassLabel(names=config.class_names)),
            "class_pixels": tfds.features.Tensor(shape=(channels,), dtype=np.int64),
            "void_pixels": tfds.features.Scalar(dtype=np.int64),
            "height": tfds.features.Scalar(dtype=np.int64),
            "width": tfds.features.Scalar(dtype=np.int64),
            "filename": tfds.features.Text(),
            **(objects if config.boxes else {}),
            **({"background_classes": _compressed_feature(height, width)} if config.background_classes else {}),
        }
    )


def dataset_metadata(config: RecordConfig) -> tfds.core.MetadataDict:
    """Returns the metadata that TFDS stores with the records: `record_config`, with ids and colours of the classes."""
    return tfds.core.MetadataDict({_RECORD_CONFIG: config.as_json()})


def channels_of(info: tfds.core.DatasetInfo) -> LabelSet:
    """Returns the channels of a prepared dataset's masks, from its metadata; older datasets have only the names."""
    stored = (info.metadata or {}).get(_RECORD_CONFIG)
    if stored is None:
        return label_set_of_names(info.features["classes"].feature.names)
    return RecordConfig.from_json(stored).channels


def _compressed_feature(*shape: int | None) -> tfds.features.Tensor:
    return tfds.features.Tensor(shape=shape, dtype=np.uint8, encoding=tfds.features.Encoding.ZLIB)
