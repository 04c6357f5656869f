"""Encodes a photo and its mask as a serialized record.

`encode_arrays` is a pure function. `PairEncoder` also reads the files of a pair.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
from zlib_ng import zlib_ng

from tfds_voc_seg.class_maps import (
    background_class_map,
    background_position,
    class_map,
    contains_any_class,
    one_hot_mask,
    pad_class_map,
    resize_class_map,
)
from tfds_voc_seg.devkit.annotations import read_objects
from tfds_voc_seg.devkit.folders import PairError
from tfds_voc_seg.devkit.pairs import read_pair
from tfds_voc_seg.image_limits.header import ImageRefusedError
from tfds_voc_seg.image_limits.limits import check_size, longest_side
from tfds_voc_seg.labels import VOID
from tfds_voc_seg.photos import fit_photo
from tfds_voc_seg.pixel_tables import value_counts
from tfds_voc_seg.records.features import record_features

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tfds_voc_seg.devkit.folders import Pair
    from tfds_voc_seg.geometry import Geometry
    from tfds_voc_seg.record_config import ImageEncoding, RecordConfig

_MAX_ONE_HOT_BYTES = 1 << 29
"""Of a mask; only records that keep the sizes of their photos can exceed it."""


def encode_arrays(
    photo: NDArray[np.uint8],
    mask: NDArray[np.uint8],
    filename: str,
    config: RecordConfig,
    objects: dict[str, NDArray[Any]] | None = None,
) -> dict[str, Any]:
    """Encodes a photo and its mask as the features of a record.

    Args:
        photo: uint8 [height, width, 3].
        mask: uint8 [height, width], positions in `config.labels.names` and `VOID`.
        filename: the image's id in the split lists.
        config: what a record holds.
        objects: from `tfds_voc_seg.devkit.annotations.read_objects`, if records hold boxes.

    Returns:
        The features in the form that TFDS's example serializer expects: image and mask are encoded to bytes.
    """
    geometry, channels = config.geometry, len(config.class_names)
    image = tf.constant(photo)
    if geometry is not None:
        image, mask = fit_photo(image, geometry), resize_class_map(mask, geometry.resized(*mask.shape))
    classes = class_map(mask, config)
    background = background_class_map(mask, classes, config) if config.background_classes else None
    pixels = value_counts(classes)  # without padding, which says nothing about the masks
    if geometry is not None:
        classes = pad_class_map(classes, geometry, VOID)
        background = None if background is None else pad_class_map(background, geometry, background_position(config))
        objects = objects and {**objects, "bbox": _boxes_in_image(objects["bbox"], geometry, *photo.shape[:2])}
    return {
        "image": _encode_image(image, config.image_encoding).numpy(),
        "segmentation_mask": _compress(one_hot_mask(classes, channels), config),
        "classes": np.flatnonzero(pixels[:channels]).astype(np.int64),
        "class_pixels": pixels[:channels].astype(np.int64),
        "void_pixels": np.int64(pixels[VOID]),
        "height": np.int64(photo.shape[0]),
        "width": np.int64(photo.shape[1]),
        "filename": filename.encode(),
        **({} if objects is None else {"objects": objects}),
        **({} if background is None else {"background_classes": _compress(background, config)}),
    }


def _boxes_in_image(boxes: NDArray[np.float32], geometry: Geometry, height: int, width: int) -> NDArray[np.float32]:
    """Converts boxes, fractions of a photo's height and width, to fractions of the image that the photo lies in."""
    resized = geometry.resized(height, width)
    image_size = geometry.padded(resized)
    share, start = (np.divide(pixels, image_size) for pixels in (resized, geometry.offset(resized)))
    converted: NDArray[np.float32] = (boxes * np.tile(share, 2) + np.tile(start, 2)).astype(np.float32)
    return converted


def _compress(array: NDArray[np.uint8], config: RecordConfig) -> Any:
    compressed = zlib_ng.compress(np.ascontiguousarray(array).data, config.mask_compression_level)
    # TFDS stores the shape with the bytes if it differs between records.
    same_size = config.geometry is not None and config.geometry.resize != "crop"
    return compressed if same_size else {"value": compressed, "shape": array.shape}


def _encode_image(image: tf.Tensor, encoding: ImageEncoding) -> tf.Tensor:
    if encoding == "jpeg":
        return tf.io.encode_jpeg(image, quality=95)
    return tf.io.encode_png(image, compression=1)  # a quarter of the time of the default level, 4 % more bytes


class PairEncoder:
    """Reads pairs and serializes them as `tf.train.Example` records."""

    def __init__(self, config: RecordConfig):
        self._config = config
        features = record_features(config)
        self._serializer = tfds.core.example_serializer.ExampleSerializer(features.get_serialized_info())

    def __call__(self, pair: Pair) -> bytes | None:
        """Reads, resizes and serializes one pair.

        Returns:
            The record; `None` if the image contains none of the classes and the configuration has `drop_empty`.

        Raises:
            PairError: the photo, the mask or, with `boxes`, the annotation cannot be read or is invalid.
        """
        photo, mask = read_pair(pair, self._config.labels)
        self._check_size(pair, mask)
        if self._config.drop_empty and not contains_any_class(mask, self._config):
            return None
        objects = read_objects(pair, self._config, *mask.shape) if self._config.boxes else None
        return self.serialize(photo, mask, pair.image_id, objects)

    def _check_size(self, pair: Pair, mask: NDArray[np.uint8]) -> None:
        """Raises PairError if resizing a photo, or the mask of a record at its own size, would take too much memory."""
        geometry = self._config.geometry
        if geometry is not None:
            try:
                height, width = mask.shape
                check_size(width, height, max_side=longest_side(geometry.resizing_side))
            except ImageRefusedError as error:
                raise PairError(pair, pair.photo, error.what, error.advice) from error
        size = mask.size * len(self._config.class_names)
        if self._config.image_size is None and size > _MAX_ONE_HOT_BYTES:
            what = f"becomes a one-hot mask of {size >> 20:,} MiB, and {_MAX_ONE_HOT_BYTES >> 20:,} MiB are allowed"
            raise PairError(pair, pair.mask, what, "make photo and mask smaller, or set image_size")

    def serialize(
        self,
        photo: NDArray[np.uint8],
        mask: NDArray[np.uint8],
        filename: str,
        objects: dict[str, NDArray[Any]] | None = None,
    ) -> bytes:
        """Serializes a photo and its mask. The arguments are those of `encode_arrays`."""
        example = self._serializer.get_tf_example(encode_arrays(photo, mask, filename, self._config, objects))
        record: bytes = example.SerializeToString(deterministic=True)  # the same order of features in every process
        return record
