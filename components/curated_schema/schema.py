"""The schema of the records' tabular features, written by hand instead of inferred from records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tensorflow_metadata.proto.v0 import schema_pb2

if TYPE_CHECKING:
    from collections.abc import Sequence


def curated_schema(class_names: Sequence[str], pixels: int) -> schema_pb2.Schema:
    """Builds the schema of the record contract's tabular features.

    `classes` is declared categorical, so that StatisticsGen counts each class id separately.

    Args:
        class_names: the K names of the mask's channels, background first.
        pixels: the largest number of pixels of a mask.

    Returns:
        A schema with the features `classes` (1 to K ids, each 0 to K - 1), `class_pixels` (K values, each 0 to
        `pixels`), `void_pixels` (0 to `pixels`), `height` and `width` (at least 1) and `filename`. All are required in
        every record. The schema omits image and mask, because the statistics omit them too.
    """
    channels = len(class_names)
    classes = _feature("classes", schema_pb2.INT)
    classes.value_count.min, classes.value_count.max = 1, channels
    classes.int_domain.min, classes.int_domain.max, classes.int_domain.is_categorical = 0, channels - 1, True
    classes.annotation.comment.extend(f"{class_id} {name}" for class_id, name in enumerate(class_names))

    class_pixels = _feature("class_pixels", schema_pb2.INT)
    class_pixels.shape.dim.add(size=channels)
    class_pixels.int_domain.min, class_pixels.int_domain.max = 0, pixels

    void_pixels = _scalar("void_pixels", schema_pb2.INT)
    void_pixels.int_domain.min, void_pixels.int_domain.max = 0, pixels

    height, width = _scalar("height", schema_pb2.INT), _scalar("width", schema_pb2.INT)
    for side in (height, width):
        side.int_domain.min = 1
    filename = _scalar("filename", schema_pb2.BYTES)
    return schema_pb2.Schema(feature=[classes, class_pixels, void_pixels, height, width, filename])


def _feature(name: str, kind: schema_pb2.FeatureType) -> schema_pb2.Feature:
    feature = schema_pb2.Feature(name=name, type=kind)
    feature.presence.min_fraction, feature.presence.min_count = 1.0, 1
    return feature


def _scalar(name: str, kind: schema_pb2.FeatureType) -> schema_pb2.Feature:
    feature = _feature(name, kind)
    feature.shape.SetInParent()  # an empty shape: a scalar
    return feature
