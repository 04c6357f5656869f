"""One pair of photo and mask → one serialized record: pure functions, the same for training and serving."""

from __future__ import annotations

import functools
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image

from tfds_voc_seg.devkit import DevkitError, Pair
from tfds_voc_seg.labels import VOC_CLASSES, VOID
from tfds_voc_seg.record_config import ImageEncoding, RecordConfig


def record_features(config: RecordConfig) -> tfds.features.FeaturesDict:
    """The record contract as TFDS features; TFDS alone can decode what `encode_pair` writes."""
    size, channels = config.image_size, len(config.class_names)
    return tfds.features.FeaturesDict(
        {
            "image": tfds.features.Image(shape=(size, size, 3), encoding_format=config.image_encoding),
            "segmentation_mask": tfds.features.Tensor(
                shape=(size, size, channels), dtype=np.uint8, encoding=tfds.features.Encoding.ZLIB
            ),
            "classes": tfds.features.Sequence(tfds.features.ClassLabel(names=config.class_names)),
            "class_pixels": tfds.features.Tensor(shape=(channels,), dtype=np.int64),
            "void_pixels": tfds.features.Scalar(dtype=np.int64),
            "height": tfds.features.Scalar(dtype=np.int64),
            "width": tfds.features.Scalar(dtype=np.int64),
            "filename": tfds.features.Text(),
        }
    )


def decode_photo(encoded: tf.Tensor) -> tf.Tensor:
    """Decodes a JPEG, PNG, GIF or BMP image.

    Args:
        encoded: string scalar, the file's bytes.

    Returns:
        uint8 [height, width, 3].
    """
    photo = tf.io.decode_image(encoded, channels=3, expand_animations=False)
    photo.set_shape([None, None, 3])
    return photo


def resize_photo(photo: tf.Tensor, size: int) -> tf.Tensor:
    """Resizes a photo to a square by antialiased bilinear interpolation.

    Args:
        photo: uint8 [..., height, width, 3].
        size: height and width of the result, pixels.

    Returns:
        uint8 [..., size, size, 3].
    """
    resized = tf.image.resize(photo, (size, size), method="bilinear", antialias=True)
    return tf.saturate_cast(tf.round(resized), tf.uint8)


def read_mask(path: str | Path) -> np.ndarray:
    """Reads a palette-mode or greyscale mask as class ids.

    TensorFlow's own PNG decoder would turn the palette into luminance (class 15 into 147), hence PIL.

    Returns:
        uint8 [height, width], VOC class ids and `VOID`.

    Raises:
        DevkitError: the file can't be read, has another mode, or holds values that are no class of VOC.
    """
    try:
        with Image.open(path) as image:
            mode, mask = image.mode, np.asarray(image)
    except Exception as error:
        raise DevkitError(f"{path} can't be read as a mask ({error}); restore the file.") from error
    if mode not in ("P", "L"):
        raise DevkitError(f"{path} is a mask in mode {mode}; masks are palette-mode (P) or grey (L) PNG of class ids.")
    unknown = sorted(int(value) for value in np.unique(mask) if value >= len(VOC_CLASSES) and value != VOID)
    if unknown:
        raise DevkitError(f"{path} holds the values {unknown}; a mask holds 0 to {len(VOC_CLASSES) - 1} and {VOID}.")
    return mask


@functools.lru_cache(maxsize=32)
def _channel_table(config: RecordConfig) -> np.ndarray:
    table = np.zeros(256, np.uint8)
    for channel, name in enumerate(config.classes, start=1):
        table[VOC_CLASSES.index(name)] = channel
    table[VOID] = VOID if config.void == "ignore" else 0
    return table


def class_map(mask: np.ndarray, config: RecordConfig) -> np.ndarray:
    """Maps VOC's class ids to the configured channels.

    Args:
        mask: uint8 [height, width], VOC class ids and `VOID`.
        config: the classes to keep and what becomes of void.

    Returns:
        uint8 [height, width], channel indices and, where void is kept, `VOID`.
    """
    return _channel_table(config)[mask]


def resize_class_map(classes: np.ndarray, size: int) -> np.ndarray:
    """Resizes a class map by nearest neighbour at pixel centres, which invents no class.

    In whole numbers: libraries' own floating-point coordinates go astray where a centre falls between two pixels.

    Args:
        classes: uint8 [height, width].
        size: height and width of the result, pixels.

    Returns:
        uint8 [size, size].
    """
    rows, columns = ((2 * np.arange(size) + 1) * side // (2 * size) for side in classes.shape)
    return classes[np.ix_(rows, columns)]


def one_hot_mask(classes: np.ndarray, channels: int) -> np.ndarray:
    """Spreads a class map over channels; void becomes an all-zero row.

    Args:
        classes: uint8 [height, width], channel indices and `VOID`.
        channels: the number of channels.

    Returns:
        uint8 [height, width, channels] of zeros and ones.
    """
    return (classes[..., np.newaxis] == np.arange(channels, dtype=np.uint8)).view(np.uint8)


def keeps_any_class(pair: Pair, config: RecordConfig) -> bool:
    """Tells whether a pair's mask, at its own size, holds any of the configured foreground classes."""
    classes = class_map(read_mask(pair.mask), config)
    return bool(np.any((classes > 0) & (classes != VOID)))


def encode_arrays(photo: np.ndarray, mask: np.ndarray, filename: str, config: RecordConfig) -> dict[str, Any]:
    """Encodes a decoded pair as a record's features.

    Args:
        photo: uint8 [height, width, 3].
        mask: uint8 [height, width], VOC class ids and `VOID`.
        filename: the VOC image id.
        config: what the record holds.

    Returns:
        The record's features as TFDS's example serializer takes them: image and mask already encoded to bytes.
    """
    size, channels = config.image_size, len(config.class_names)
    image = resize_photo(tf.constant(photo), size)
    classes = resize_class_map(class_map(mask, config), size)
    pixels = np.bincount(classes.ravel(), minlength=256)
    return {
        "image": _encode_image(image, config.image_encoding).numpy(),
        "segmentation_mask": zlib.compress(one_hot_mask(classes, channels).tobytes()),
        "classes": np.flatnonzero(pixels[:channels]).astype(np.int64),
        "class_pixels": pixels[:channels].astype(np.int64),
        "void_pixels": np.int64(pixels[VOID]),
        "height": np.int64(photo.shape[0]),
        "width": np.int64(photo.shape[1]),
        "filename": filename.encode(),
    }


def _encode_image(image: tf.Tensor, encoding: ImageEncoding) -> tf.Tensor:
    if encoding == "jpeg":
        return tf.io.encode_jpeg(image, quality=95)
    return tf.io.encode_png(image, compression=1)  # a quarter of the default level's time, 4 % more bytes


class PairEncoder:
    """Turns pairs into serialized `tf.train.Example`s of the record contract."""

    def __init__(self, config: RecordConfig):
        self._config = config
        features = record_features(config)
        self._serializer = tfds.core.example_serializer.ExampleSerializer(features.get_serialized_info())

    def __call__(self, pair: Pair) -> bytes:
        """Reads, resizes and serializes one pair.

        Raises:
            DevkitError: photo or mask can't be read, or their sizes differ.
        """
        try:
            photo = decode_photo(tf.constant(Path(pair.photo).read_bytes())).numpy()
        except (OSError, tf.errors.InvalidArgumentError) as error:
            reason = str(error).splitlines()[0]
            raise DevkitError(f"{pair.photo} can't be decoded as a photo ({reason}); restore the file.") from error
        mask = read_mask(pair.mask)
        if photo.shape[:2] != mask.shape:
            raise DevkitError(
                f"{pair.mask} is {_size(mask)} pixels but its photo is {_size(photo)}; a mask has its photo's size."
            )
        return self._serializer.serialize_example(encode_arrays(photo, mask, pair.image_id, self._config))


def _size(image: np.ndarray) -> str:
    height, width = image.shape[:2]
    return f"{width}×{height}"
