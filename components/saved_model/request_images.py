"""Decodes the images of a request; the graph first checks each image, so that the error names the bad one."""

from __future__ import annotations

import tensorflow as tf

from tfds_voc_seg.image_limits.graph import checked_photo
from tfds_voc_seg.image_limits.limits import longest_side
from tfds_voc_seg.photos import decode_photo, resize_photo


def decode_request(image_bytes: tf.Tensor, size: int) -> tf.Tensor:
    """Decodes the images of a request and resizes them to the network's input.

    Args:
        image_bytes: string [batch], JPEG, PNG, GIF or BMP files that keep the limits of `checked_photo`.
        size: height and width of the result, pixels.

    Returns:
        uint8 [batch, size, size, 3].

    Raises:
        tf.errors.InvalidArgumentError: at run time: an image has another format or is too large (the message gives its
            index), or it is corrupt after the header (the decoder's error cannot name the image).
    """

    def decode(numbered: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        index, encoded = numbered
        name = tf.strings.join(["image_bytes[", tf.strings.as_string(index), "]"])
        return resize_photo(decode_photo(checked_photo(encoded, name, longest_side(size))), size)

    return tf.map_fn(
        decode,
        (tf.range(tf.size(image_bytes)), image_bytes),
        fn_output_signature=tf.TensorSpec([size, size, 3], tf.uint8),
    )
