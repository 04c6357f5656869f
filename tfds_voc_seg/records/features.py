"""The features of a record, in TFDS's terms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import tensorflow_datasets as tfds

if TYPE_CHECKING:
    from tfds_voc_seg.record_config import RecordConfig


def record_features(config: RecordConfig) -> tfds.features.FeaturesDict:
    """Returns the TFDS features of the records that `PairEncoder` writes; TFDS can decode them without this package."""
    size, channels = config.image_size, len(config.class_names)
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
            "image": tfds.features.Image(shape=(size, size, 3), encoding_format=config.image_encoding),
            "segmentation_mask": _compressed_feature(size, size, channels),
            "classes": tfds.features.Sequence(tfds.features.ClassLabel(names=config.class_names)),
            "class_pixels": tfds.features.Tensor(shape=(channels,), dtype=np.int64),
            "void_pixels": tfds.features.Scalar(dtype=np.int64),
            "height": tfds.features.Scalar(dtype=np.int64),
            "width": tfds.features.Scalar(dtype=np.int64),
            "filename": tfds.features.Text(),
            **(objects if config.boxes else {}),
            **({"background_classes": _compressed_feature(size, size)} if config.background_classes else {}),
        }
    )


def _compressed_feature(*shape: int | None) -> tfds.features.Tensor:
    return tfds.features.Tensor(shape=shape, dtype=np.uint8, encoding=tfds.features.Encoding.ZLIB)
