"""PASCAL VOC semantic segmentation as sharded one-hot records. Needs TFDS and Beam, never TFX.

Importing this package makes the dataset `voc_seg` known to TFDS; the builder itself is imported when it is asked for,
so that a tool that needs only the palette or the drawn sample does not wait for TensorFlow.
"""

from __future__ import annotations

from typing import Any

from tensorflow_datasets.core import registered

_DATASET = "voc_seg"


class _LazyBuilder:
    """TFDS's way to a builder that is imported on demand."""

    def has_dataset(self, name: str) -> bool:
        return name == _DATASET

    def get_builder_cls(self, name: str) -> Any:
        from tfds_voc_seg.voc_seg_dataset_builder import Builder

        return Builder


registered.add_dataset_builder_provider(_LazyBuilder(), index=0)
