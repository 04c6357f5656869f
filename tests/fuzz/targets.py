"""Fuzz targets of images and records, and the table of all targets."""

from __future__ import annotations

import base64
import contextlib
import functools
import tempfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from tests.fuzz import image_files
from tests.fuzz.target import Target
from tests.fuzz.text_targets import TEXT_TARGETS
from tests.pipeline.prediction.odd_images import encoded, pixels

_CORPUS = Path(__file__).parent / "corpus"
_IMAGE_TARGETS = ("header_reading", "photo_reading", "request_decoding", "mask_reading")
_SIZE, _CHANNELS = 16, 3
_LARGEST_PHOTO = 1 << 20  # pixels; larger images only take time


def header_reading(content: bytes) -> None:
    from tfds_voc_seg.image_limits.header import ImageRefusedError
    from tfds_voc_seg.image_limits.limits import MAX_DECODING_BYTES, PREDICTED_FORMATS, check_image, decoding_bytes

    with contextlib.suppress(ImageRefusedError):
        header = check_image(content, PREDICTED_FORMATS)
        assert 0 <= decoding_bytes(header) <= MAX_DECODING_BYTES
        assert len(header.first_image(content)) <= len(content) + 1


def photo_reading(content: bytes) -> None:
    from pipeline.prediction.photos.reading import PhotoError, read_photo
    from tfds_voc_seg.photos import decoded_photo

    if _is_small(content):
        with contextlib.suppress(PhotoError):
            photo = read_photo(content, decoded_photo)
            assert photo.dtype == np.uint8
            assert photo.ndim == 3


def request_decoding(content: bytes) -> None:
    import tensorflow as tf

    if _is_small(content):
        with contextlib.suppress(tf.errors.InvalidArgumentError):
            assert _request_decoder()(tf.constant([content])).shape == (1, _SIZE, _SIZE, 3)


def mask_reading(content: bytes) -> None:
    from tfds_voc_seg.devkit.folders import Pair, PairError
    from tfds_voc_seg.devkit.pairs import read_mask
    from tfds_voc_seg.label_set import VOC_LABELS

    if _is_small(content):
        file = _scratch() / "mask.png"
        file.write_bytes(content)
        with contextlib.suppress(PairError):
            assert read_mask(Pair("mask", str(file), str(file)), VOC_LABELS).dtype == np.uint8


def record_parsing(content: bytes) -> None:
    import tensorflow as tf

    # TensorFlow's message quotes the bytes of a record that it cannot parse; Python may not decode them.
    with contextlib.suppress(tf.errors.InvalidArgumentError, UnicodeDecodeError):
        image, mask = _record_parser()(tf.constant(content))
        assert image.shape == (_SIZE, _SIZE, 3)
        assert mask.shape == (_SIZE, _SIZE, _CHANNELS)


def _is_small(content: bytes) -> bool:
    from tfds_voc_seg.image_limits.header import ImageRefusedError
    from tfds_voc_seg.image_limits.limits import PREDICTED_FORMATS, check_image

    try:
        header = check_image(content, PREDICTED_FORMATS)
    except ImageRefusedError:
        return True
    return header.width * header.height * header.scans <= _LARGEST_PHOTO


@functools.cache
def _scratch() -> Path:
    return Path(tempfile.mkdtemp(prefix="fuzz"))


@functools.cache
def _request_decoder() -> Any:
    import tensorflow as tf

    from components.saved_model.request_images import decode_request
    from tfds_voc_seg.geometry import Geometry

    signature = [tf.TensorSpec([None], tf.string)]
    return tf.function(lambda images: decode_request(images, Geometry(_SIZE))[0], input_signature=signature)


@functools.cache
def _record_parser() -> Any:
    import tensorflow as tf

    from tfds_voc_seg.records.decoding import parse_record

    signature = [tf.TensorSpec([], tf.string)]
    return tf.function(lambda record: parse_record(record, _SIZE, _CHANNELS), input_signature=signature)


def saved_inputs(name: str) -> list[bytes]:
    """Returns the saved inputs of a target.

    Those of a text target are the files of its folder in `corpus`. The targets of images share one file, because each
    of them reads the header first; it has one input per line, in base64.
    """
    if name in TEXT_TARGETS:
        return [file.read_bytes() for file in sorted((_CORPUS / name).iterdir())]
    if name in _IMAGE_TARGETS:
        return [base64.b64decode(line) for line in (_CORPUS / "header_reading.txt").read_text().split()]
    return []


def _images() -> list[bytes]:
    small, text = pixels(6, 9), image_files.png_chunk(b"zTXt", b"a\0\0" + zlib.compress(b"b"))
    return [
        *(encoded(small, name) for name in ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF")),
        encoded(small, "JPEG", progressive=True),
        encoded(small, "TIFF", compression="tiff_lzw"),
        image_files.jpeg((9, 9), scans=3, progressive=True),
        image_files.png((9, 9), 16, 6, interlaced=True, before=text),
        image_files.png((9, 9), 1, 0),
        image_files.png((9, 9), 8, 3, before=image_files.png_chunk(b"tRNS", b"\0")),
        image_files.gif((9, 9), [(9, 9), (3, 3)]),
        image_files.bmp((9, -9), 24),
        image_files.webp((9, 9)),
        image_files.tiff((9, 9), tile=16),
        image_files.tiff((9, 9), order=">"),
    ]


def _records() -> list[bytes]:
    import tensorflow as tf

    features = {
        "image": encoded(pixels(_SIZE, _SIZE), "PNG"),
        "segmentation_mask": zlib.compress(bytes(_SIZE * _SIZE * _CHANNELS)),
    }
    values = {key: tf.train.Feature(bytes_list=tf.train.BytesList(value=[value])) for key, value in features.items()}
    return [tf.train.Example(features=tf.train.Features(feature=values)).SerializeToString(deterministic=True)]


TARGETS = {
    **TEXT_TARGETS,
    "header_reading": Target(header_reading, _images),
    "photo_reading": Target(photo_reading, _images),
    "request_decoding": Target(request_decoding, _images),
    "mask_reading": Target(mask_reading, _images),
    "record_parsing": Target(record_parsing, _records),
}
