"""PASCAL VOC for semantic segmentation, as sharded records with one-hot masks. Needs TFDS and Beam, but not TFX.

Importing this package registers the dataset `voc_seg` with TFDS as soon as TFDS is imported, before or after this
package: TFDS takes seconds to import, and most modules here do not need it. The builder is imported only when TFDS
needs it, so that a tool that uses only the palette or the embedded sample does not import TensorFlow.
"""

from __future__ import annotations

from typing import Any

import wrapt

_DATASET = "voc_seg"


class _LazyBuilder:
    """Tells TFDS about the dataset and imports its builder on demand; TFDS calls the two methods by these names."""

    def has_dataset(self, name: str) -> bool:
        return name == _DATASET

    def get_builder_cls(self, name: str) -> Any:  # noqa: ARG002 (the one dataset that it has)
        from tfds_voc_seg.voc_seg_dataset_builder import Builder

        return Builder


def _register(registered: Any) -> None:
    registered.add_dataset_builder_provider(_LazyBuilder(), index=0)


wrapt.register_post_import_hook(_register, "tensorflow_datasets.core.registered")
