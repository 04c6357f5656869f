"""Decodes the images of a request; the graph first checks each image, so that the error names the bad one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tensorflow as tf

from tfds_voc_seg.image_limits.graph import checked_photo
from tfds_voc_seg.image_limits.limits import longest_side
from tfds_voc_seg.photos import decode_photo, fit_photo

if TYPE_CHECKING:
    from collections.abc import Callable

    from tfds_voc_seg.geometry import Geometry


def decode_request(image_bytes: tf.Tensor, geometry: Geometry) -> tuple[tf.Tensor, tf.Tensor]:
    """Decodes the images of a request and fits them into the network's input.

    Args:
        image_bytes: string [batch], JPEG, PNG, GIF or BMP files that keep the limits of `checked_photo`.
        geometry: how a photo becomes the network's image, not by `crop`.

    Returns:
        The network's images, uint8 [batch, *geometry.sides, 3]; height and width of each photo, int32 [batch, 2].

    Raises:
        tf.errors.InvalidArgumentError: at run time: an image has another format or is too large (the message gives its
            index), or it is corrupt after the header (the decoder's error cannot name the image).
    """
    images, sizes = map_decoded(
        image_bytes,
        geometry,
        lambda photo: (fit_photo(photo, geometry), tf.shape(photo)[:2]),
        (tf.TensorSpec([*geometry.sides, 3], tf.uint8), tf.TensorSpec([2], tf.int32)),
    )
    return images, sizes


def map_decoded(image_bytes: tf.Tensor, geometry: Geometry, convert: Callable[[tf.Tensor], Any], signature: Any) -> Any:
    """Decodes the images of a request and converts one after the other.

    Args:
        image_bytes: string [batch], as for `decode_request`.
        geometry: how photos will be resized.
        convert: a photo, uint8 [height, width, 3] → its result.
        signature: the tensor specifications of a result.

    Returns:
        The results, stacked.

    Raises:
        tf.errors.InvalidArgumentError: as `decode_request`.
    """

    def decode(numbered: tuple[tf.Tensor, tf.Tensor]) -> Any:
        index, encoded = numbered
        name = tf.strings.join(["image_bytes[", tf.strings.as_string(index), "]"])
        return convert(decode_photo(checked_photo(encoded, name, longest_side(geometry.resizing_side))))

    return tf.map_fn(decode, (tf.range(tf.size(image_bytes)), image_bytes), fn_output_signature=signature)
