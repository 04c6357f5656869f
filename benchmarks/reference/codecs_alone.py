"""The codecs of the conversion alone, for comparison: decode, resize, encode; no checks, no records, no files.

The libraries are those of the conversion: TensorFlow for JPEG and PNG, Pillow for the masks, zlib-ng for one-hot masks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Sequence


def encode_all(pairs: Sequence[tuple[str, str]], size: int, channels: int, level: int) -> int:
    """Encodes all pairs in this process.

    Args:
        pairs: paths of photos and masks; the masks' indices are class ids, 255 for void.
        size: height and width of the result, pixels.
        channels: of the one-hot masks.
        level: of zlib.

    Returns:
        The number of bytes.
    """
    import tensorflow as tf
    from zlib_ng import zlib_ng

    encoded = 0
    for photo_file, mask_file in pairs:
        photo = tf.io.decode_jpeg(tf.io.read_file(photo_file), channels=3)
        resized = tf.cast(tf.round(tf.image.resize(photo, (size, size), antialias=True)), tf.uint8)
        encoded += len(tf.io.encode_png(resized, compression=1).numpy())
        with Image.open(mask_file) as mask:
            classes = np.asarray(mask.resize((size, size), Image.Resampling.NEAREST))
        one_hot = (classes[..., np.newaxis] == np.arange(channels, dtype=np.uint8)).astype(np.uint8)
        encoded += len(zlib_ng.compress(one_hot.tobytes(), level))
    return encoded
