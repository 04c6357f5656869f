"""Reads from the header of an image file what TensorFlow's decoders ignore: EXIF orientation and transparency.

It is done with TensorFlow's operations, because a SavedModel must do it without Python.

Sources: JPEG's segments, ITU-T T.81, annex B; EXIF in JPEG, CIPA DC-008-2019, 4.5 and 4.6.5 (orientation, tag 0x0112);
PNG's chunks, including eXIf and tRNS, W3C "Portable Network Graphics (PNG) Specification (Third Edition)", 5 and 11.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import tensorflow as tf

from tfds_voc_seg.image_limits.graph_bytes import big_endian, bytes_at, starts_with, text_at

if TYPE_CHECKING:
    from collections.abc import Callable

    State: TypeAlias = tuple[tf.Tensor, tf.Tensor, tf.Tensor]
    """Position in the file, orientation, transparency."""

JPEG_SIGNATURE, PNG_SIGNATURE = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"

_EXIF = b"Exif\0\0"
_JPEG_APP1 = 0xE1
_JPEG_LAST_MARKER_OF_PIXELS = 0xDA  # markers up to it belong to the pixels; EXIF comes before them
_PNG_COLOUR_TYPE = 25  # its place in the file
_PNG_ALPHA_TYPES = (4, 6)  # grey and RGB with an alpha channel
_PNG_TRANSPARENCY, _PNG_EXIF = b"tRNS", b"eXIf"
_ORIENTATION_TAG = 0x0112
_ENTRY_BYTES = 12  # of an entry of EXIF's directory: tag and type, 2 bytes each; count and value, 4 bytes each
_MAX_PARTS = 1000  # segments or chunks that are read at most; a real header has fewer than a hundred


@tf.function(input_signature=[tf.TensorSpec([], tf.string)], autograph=False)  # eager, it takes five times as long
def photo_header(encoded: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Reads the orientation and the transparency of an image.

    Never fails: what cannot be read counts as absent, and the decoder reports a damaged file.

    Args:
        encoded: string scalar, the bytes of an image file of any format.

    Returns:
        The EXIF orientation, int32, 1 (upright) to 8, from a JPEG or from a PNG that stores it before its pixels; and
        whether the image is a PNG with transparent pixels or an alpha channel, bool.
    """
    upright, opaque = tf.constant(1), tf.constant(False)
    orientation, transparent = tf.case(
        [
            (starts_with(encoded, JPEG_SIGNATURE), lambda: _walk(encoded, 2, opaque, _jpeg_segment)),
            (starts_with(encoded, PNG_SIGNATURE), lambda: _walk(encoded, 8, _has_alpha(encoded), _png_chunk)),
        ],
        default=lambda: (upright, opaque),
    )
    return orientation, transparent


def is_upright_and_opaque(encoded: bytes) -> bool:
    """Returns whether an image surely is both, outside of a graph and without the work of `photo_header`.

    That is the case if the bytes with which a file says the opposite occur nowhere in it.
    """
    if encoded.startswith(JPEG_SIGNATURE):
        return _EXIF not in encoded
    if encoded.startswith(PNG_SIGNATURE):
        has_alpha = any(encoded[_PNG_COLOUR_TYPE : _PNG_COLOUR_TYPE + 1] == bytes([kind]) for kind in _PNG_ALPHA_TYPES)
        return not has_alpha and _PNG_TRANSPARENCY not in encoded and _PNG_EXIF not in encoded
    return True


def _walk(
    encoded: tf.Tensor,
    start: int,
    transparent: tf.Tensor,
    read_part: Callable[[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor], State],
) -> tuple[tf.Tensor, tf.Tensor]:
    """Reads part after part of a header.

    Args:
        encoded: the file's bytes.
        start: where the first part begins.
        transparent: what is known before the first part.
        read_part: file, position, orientation, transparency → the next position, beyond the file's end after the last
            part, orientation and transparency.
    """
    length = tf.strings.length(encoded)
    _, orientation, transparent = tf.while_loop(
        lambda position, *_: position < length,
        lambda position, orientation, transparent: read_part(encoded, position, orientation, transparent),
        (tf.constant(start), tf.constant(1), transparent),
        maximum_iterations=_MAX_PARTS,
    )
    return orientation, transparent


def _jpeg_segment(encoded: tf.Tensor, position: tf.Tensor, orientation: tf.Tensor, transparent: tf.Tensor) -> State:
    """Reads a segment: the byte 255, the marker, two bytes of length (which includes them), the content."""
    head = bytes_at(encoded, position, 4)
    marker, content_length = head[1], 256 * head[2] + head[3] - 2
    has_exif = tf.equal(marker, _JPEG_APP1) & tf.equal(text_at(encoded, position + 4, len(_EXIF)), _EXIF)
    orientation = tf.cond(
        has_exif & tf.equal(orientation, 1),
        lambda: _exif_orientation(text_at(encoded, position + 4 + len(_EXIF), content_length - len(_EXIF))),
        lambda: orientation,
    )
    is_last = tf.not_equal(head[0], 255) | (marker <= _JPEG_LAST_MARKER_OF_PIXELS) | (content_length < 0)
    return tf.where(is_last, tf.int32.max, position + 4 + content_length), orientation, transparent


def _png_chunk(encoded: tf.Tensor, position: tf.Tensor, orientation: tf.Tensor, transparent: tf.Tensor) -> State:
    """Reads a chunk: four bytes of length, four letters, the content, four bytes of checksum."""
    length = big_endian(bytes_at(encoded, position, 4))
    kind = text_at(encoded, position + 4, 4)
    transparent |= tf.equal(kind, _PNG_TRANSPARENCY)
    orientation = tf.cond(
        tf.equal(kind, _PNG_EXIF),
        lambda: _exif_orientation(text_at(encoded, position + 8, length)),
        lambda: orientation,
    )
    is_last = tf.equal(kind, b"IDAT") | (length < 0) | (length > tf.strings.length(encoded))
    return tf.where(is_last, tf.int32.max, position + 12 + length), orientation, transparent


def _has_alpha(png: tf.Tensor) -> tf.Tensor:
    return tf.reduce_any(tf.equal(bytes_at(png, tf.constant(_PNG_COLOUR_TYPE), 1), _PNG_ALPHA_TYPES))


def _exif_orientation(exif: tf.Tensor) -> tf.Tensor:
    """Finds the orientation in EXIF data, which is a small TIFF file; 1 if it has none or an invalid one."""
    little = starts_with(exif, b"II")

    def number(place: tf.Tensor, size: int) -> tf.Tensor:
        digits = bytes_at(exif, place, size)
        return big_endian(tf.where(little, digits[::-1], digits))

    directory = tf.clip_by_value(number(tf.constant(4), 4), 0, tf.strings.length(exif))
    first = directory + 2
    available = tf.maximum(tf.strings.length(exif) - first, 0) // _ENTRY_BYTES
    count = tf.minimum(number(directory, 2), available)
    content = tf.io.decode_raw(text_at(exif, first, count * _ENTRY_BYTES), tf.uint8)
    entries = tf.cast(tf.reshape(content, [count, _ENTRY_BYTES]), tf.int32)
    weights = tf.where(little, [1, 256], [256, 1])
    tags, values = (tf.reduce_sum(entries[:, place : place + 2] * weights, axis=1) for place in (0, 8))
    found = tf.boolean_mask(values, tf.equal(tags, _ORIENTATION_TAG))
    orientation = tf.concat([found, [1]], axis=0)[0]
    return tf.where((orientation >= 1) & (orientation <= 8), orientation, 1)
