"""PASCAL VOC for semantic segmentation, as sharded records with one-hot masks. Needs TFDS and Beam, but not TFX.

Importing this package registers the dataset `voc_seg` with TFDS. The builder is imported only when TFDS needs it, so
that a tool that uses only the palette or the embedded sample does not import TensorFlow.
"""

from __future__ import annotations

from typing import Any

from tensorflow_datasets.core import registered

_DATASET = "voc_seg"


class _LazyBuilder:
    """Tells TFDS about the dataset and imports its builder on demand; TFDS calls the two methods by these names."""

    def has_dataset(self, name: str) -> bool:
        return name == _DATASET

    def get_builder_cls(self, name: str) -> Any:  # noqa: ARG002 (the one dataset that it has)
        from tfds_voc_seg.voc_seg_dataset_builder import Builder

        return Builder


registered.add_dataset_builder_provider(_LazyBuilder(), index=0)
