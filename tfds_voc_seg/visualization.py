"""The dataset in `tfds.visualization.show_examples`: the mask over the photo, in VOC's palette, with a legend."""

from __future__ import annotations

import importlib
from typing import Any

import tensorflow as tf
import tensorflow_datasets as tfds
from tensorflow_datasets.core.visualization import image_visualizer

from tfds_voc_seg.pictures import example_picture
from tfds_voc_seg.records.decoding import class_map_from_one_hot


class SegmentationVisualizer(image_visualizer.ImageGridVisualizer):
    """Shows photo and mask side by side."""

    def match(self, ds_info: tfds.core.DatasetInfo) -> bool:  # noqa: D102
        return ds_info.name == "voc_seg"

    def show(self, ds: tf.data.Dataset, ds_info: tfds.core.DatasetInfo, **options: Any) -> Any:
        """Draws a grid of examples. Arguments and result as `ImageGridVisualizer.show`."""
        class_names = ds_info.features["classes"].feature.names

        def draw(example: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
            classes = class_map_from_one_hot(example["segmentation_mask"])
            picture = tf.numpy_function(
                lambda image, class_map: example_picture(image, class_map, class_names),
                (example["image"], classes),
                tf.uint8,
            )
            return {"image": tf.ensure_shape(picture, [None, None, 3])}

        return super().show(ds.map(draw), ds_info, image_key="image", **options)


def register() -> None:
    """Puts the visualizer before TFDS's own, which would show the photo alone."""
    # By its name: the package has a function of the same name in the module's place.
    module = importlib.import_module("tensorflow_datasets.core.visualization.show_examples")
    visualizers = module._ALL_VISUALIZERS
    if not any(isinstance(known, SegmentationVisualizer) for known in visualizers):
        visualizers.insert(0, SegmentationVisualizer())
