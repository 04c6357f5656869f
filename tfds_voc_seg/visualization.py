"""Makes `tfds.visualization.show_examples` draw the masks of `voc_seg` over the photos, with a legend."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import tensorflow as tf
from tensorflow_datasets.core.visualization import image_visualizer

from tfds_voc_seg.pictures import example_picture
from tfds_voc_seg.records.decoding import class_map_from_one_hot
from tfds_voc_seg.records.features import channels_of

if TYPE_CHECKING:
    import tensorflow_datasets as tfds


class SegmentationVisualizer(image_visualizer.ImageGridVisualizer):
    """Draws each photo, next to it the photo with its mask, and a legend."""

    def match(self, ds_info: tfds.core.DatasetInfo) -> bool:  # noqa: D102
        return str(ds_info.name) == "voc_seg"

    def show(self, ds: tf.data.Dataset, ds_info: tfds.core.DatasetInfo, **options: Any) -> Any:
        """Draws a grid of examples. Arguments and result are those of `ImageGridVisualizer.show`."""
        channels = channels_of(ds_info)

        def draw(example: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
            classes = class_map_from_one_hot(example["segmentation_mask"])
            picture = tf.numpy_function(
                lambda image, class_map: example_picture(image, class_map, channels),
                (example["image"], classes),
                tf.uint8,
            )
            return {"image": tf.ensure_shape(picture, [None, None, 3])}

        return super().show(ds.map(draw), ds_info, image_key="image", **options)


def register() -> None:
    """Registers the visualizer before those of TFDS, which draw only the photo."""
    # `import_module`, because the package's attribute of this name is a function, not the module.
    module = importlib.import_module("tensorflow_datasets.core.visualization.show_examples")
    visualizers = module._ALL_VISUALIZERS  # noqa: SLF001 (TFDS has no public way to register one)
    if not any(isinstance(known, SegmentationVisualizer) for known in visualizers):
        visualizers.insert(0, SegmentationVisualizer())
