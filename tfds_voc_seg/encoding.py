"""One pair of photo and mask → one serialized record: pure functions, the same for training and serving."""

from __future__ import annotations

import functools
import io
import warnings
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image
from zlib_ng import zlib_ng

from tfds_voc_seg.annotations import read_objects
from tfds_voc_seg.devkit import Pair, PairError, storage_path
from tfds_voc_seg.labels import VOC_CLASSES, VOID
from tfds_voc_seg.record_config import ImageEncoding, RecordConfig

MAX_PIXELS = 50_000_000
"""More pixels than any photo of VOC by far: a larger image is taken for a decompression bomb."""

_CONVERT_ADVICE = (
    "masks are palette-mode (P) or grey (L) PNG of class ids: look each colour up in tfds_voc_seg.labels.voc_palette() "
    "and save the ids"
)


def record_features(config: RecordConfig) -> tfds.features.FeaturesDict:
    """The record contract as TFDS features; TFDS alone can decode what `encode_pair` writes."""
    size, channels = config.image_size, len(config.class_names)
    objects = {
        "objects": tfds.features.Sequence(
            {
                "bbox": tfds.features.BBoxFeature(),
                "label": tfds.features.ClassLabel(names=config.class_names),
                "difficult": np.bool_,
                "truncated": np.bool_,
            }
        )
    }
    return tfds.features.FeaturesDict(
        {
            "image": tfds.features.Image(shape=(size, size, 3), encoding_format=config.image_encoding),
            "segmentation_mask": _compressed_feature(size, size, channels),
            "classes": tfds.features.Sequence(tfds.features.ClassLabel(names=config.class_names)),
            "class_pixels": tfds.features.Tensor(shape=(channels,), dtype=np.int64),
            "void_pixels": tfds.features.Scalar(dtype=np.int64),
            "height": tfds.features.Scalar(dtype=np.int64),
            "width": tfds.features.Scalar(dtype=np.int64),
            "filename": tfds.features.Text(),
            **(objects if config.boxes else {}),
            **({"background_classes": _compressed_feature(size, size)} if config.background_classes else {}),
        }
    )


def _compressed_feature(*shape: int | None) -> tfds.features.Tensor:
    return tfds.features.Tensor(shape=shape, dtype=np.uint8, encoding=tfds.features.Encoding.ZLIB)


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


def read_pair(pair: Pair) -> tuple[np.ndarray, np.ndarray]:
    """Reads and checks a photo and its mask.

    Returns:
        photo uint8 [height, width, 3] and mask uint8 [height, width], VOC class ids and `VOID`.

    Raises:
        PairError: photo or mask can't be read or used.
    """
    photo, mask = _read_photo(pair), read_mask(pair)
    if photo.shape[:2] != mask.shape:
        what = f"is {_size(mask)} pixels but its photo is {_size(photo)}"
        raise PairError(pair, pair.mask, what, "a mask has its photo's size: restore the one that was resized")
    if np.all(mask == VOID):
        raise PairError(pair, pair.mask, "is all void", "label it or take the id off the list")
    return photo, mask


def _read_photo(pair: Pair) -> np.ndarray:
    """Decodes a photo, once its header says that it isn't larger than any photo would be."""
    try:
        _refuse_bomb(pair, pair.photo)
        return decode_photo(tf.constant(storage_path(pair.photo).read_bytes())).numpy()
    except (OSError, tf.errors.InvalidArgumentError) as error:
        reason = " ".join(str(error).split())[:200]
        raise PairError(pair, pair.photo, f"can't be decoded as a photo ({reason})", "restore the file") from error


def read_mask(pair: Pair) -> np.ndarray:
    """Reads a mask by palette index, with PIL: TensorFlow's PNG decoder gives luminance (class 15 becomes 147).

    Returns:
        uint8 [height, width], VOC class ids and `VOID`.

    Raises:
        PairError: the mask can't be read or used.
    """
    try:
        _refuse_bomb(pair, pair.mask)
        with _open_image(pair.mask) as image:
            mode, mask = image.mode, np.asarray(image)
    except PairError:
        raise
    except Exception as error:
        raise PairError(pair, pair.mask, f"can't be read as a mask ({error})", "restore the file") from error
    if mode not in ("P", "L"):
        raise PairError(pair, pair.mask, f"is a mask in mode {mode}, not of class ids", _CONVERT_ADVICE)
    unknown = sorted(int(value) for value in np.unique(mask) if value >= len(VOC_CLASSES) and value != VOID)
    if unknown:
        values = ", ".join(map(str, unknown[:8])) + (", …" if len(unknown) > 8 else "")
        advice = f"a mask holds class ids 0 to {len(VOC_CLASSES) - 1} and {VOID} for void; map its values to these"
        raise PairError(pair, pair.mask, f"holds the values {values}", advice)
    return mask


def _open_image(file: str) -> Image.Image:
    """Opens an image by its name on this machine, which PIL's messages then hold; else from its bytes."""
    return Image.open(io.BytesIO(storage_path(file).read_bytes()) if "://" in file else file)


def _refuse_bomb(pair: Pair, file: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            with _open_image(file) as image:
                width, height = image.size
        except Image.DecompressionBombError:
            width = height = MAX_PIXELS
    if width * height > MAX_PIXELS:
        what = f"unpacks to more than {MAX_PIXELS:,} pixels"
        raise PairError(pair, file, what, "if it is a true image, resize it before")


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


def background_class_map(mask: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Tells what the background consists of.

    Args:
        mask: uint8 [height, width], VOC class ids and `VOID`.
        classes: uint8 [height, width], what `class_map` makes of it.

    Returns:
        uint8 [height, width]: VOC's class id where it is none of the classes to keep; elsewhere, void too, 0.
    """
    return np.where((mask != VOID) & (classes == 0), mask, np.uint8(0))


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


def holds_any_class(mask: np.ndarray, config: RecordConfig) -> bool:
    """Tells whether a mask, at its own size, holds any of the configured foreground classes.

    Args:
        mask: uint8 [height, width], VOC class ids and `VOID`.
        config: the classes to keep.
    """
    classes = class_map(mask, config)
    return bool(np.any((classes > 0) & (classes != VOID)))


def encode_arrays(
    photo: np.ndarray,
    mask: np.ndarray,
    filename: str,
    config: RecordConfig,
    objects: dict[str, np.ndarray] | None = None,
) -> dict[str, Any]:
    """Encodes a decoded pair as a record's features.

    Args:
        photo: uint8 [height, width, 3].
        mask: uint8 [height, width], VOC class ids and `VOID`.
        filename: the VOC image id.
        config: what the record holds.
        objects: as from `annotations.read_objects`, where the record holds boxes.

    Returns:
        The record's features as TFDS's example serializer takes them: image and mask already encoded to bytes.
    """
    size, channels = config.image_size, len(config.class_names)
    image = tf.constant(photo)
    if size is not None:
        image, mask = resize_photo(image, size), resize_class_map(mask, size)
    classes = class_map(mask, config)
    background = background_class_map(mask, classes) if config.background_classes else None
    pixels = np.bincount(classes.ravel(), minlength=256)
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


def _compress(array: np.ndarray, config: RecordConfig) -> Any:
    compressed = zlib_ng.compress(array.tobytes(), config.mask_compression_level)
    # TFDS keeps the shape beside the bytes where it is not fixed.
    return {"value": compressed, "shape": array.shape} if config.image_size is None else compressed


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

    def __call__(self, pair: Pair) -> bytes | None:
        """Reads, resizes and serializes one pair.

        Returns:
            The record; `None` for an image with none of the classes where the configuration drops those.

        Raises:
            PairError: photo or mask, or the annotation where there are to be boxes, can't be read or used.
        """
        photo, mask = read_pair(pair)
        if self._config.drop_empty and not holds_any_class(mask, self._config):
            return None
        objects = read_objects(pair, self._config.classes, *mask.shape) if self._config.boxes else None
        return self.serialize(photo, mask, pair.image_id, objects)

    def serialize(
        self, photo: np.ndarray, mask: np.ndarray, filename: str, objects: dict[str, np.ndarray] | None = None
    ) -> bytes:
        """Serializes a decoded pair. Arguments as `encode_arrays`."""
        example = self._serializer.get_tf_example(encode_arrays(photo, mask, filename, self._config, objects))
        return example.SerializeToString(deterministic=True)  # the same order of features in every process


def _size(image: np.ndarray) -> str:
    height, width = image.shape[:2]
    return f"{width}×{height}"
