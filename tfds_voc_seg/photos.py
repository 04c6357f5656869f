"""Decodes and resizes photos with TensorFlow; records, training, serving and `predict` use the same functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from tfds_voc_seg.geometry import PADDING_COLOUR, Geometry
from tfds_voc_seg.image_size import ImageSize, sides_of
from tfds_voc_seg.orientation import EXCHANGED, MIRRORED, UPSIDE_DOWN, upright
from tfds_voc_seg.photo_headers import is_upright_and_opaque, photo_header

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PIXELS_AT_ONCE = 1 << 20  # laid over white together, in 16 bits


def decode_photo(encoded: tf.Tensor) -> tf.Tensor:
    """Decodes a JPEG, PNG, GIF or BMP image as a viewer shows it.

    The image is turned and mirrored as its EXIF orientation says, and a transparent PNG is laid over white.
    TensorFlow's decoders ignore the orientation and show the colours that transparent pixels hide.

    Args:
        encoded: string scalar, the file's bytes.

    Returns:
        uint8 [height, width, 3].

    Raises:
        tf.errors.InvalidArgumentError: the image is damaged or has another format.
    """
    orientation, transparent = photo_header(encoded)
    photo = tf.cond(
        transparent,
        lambda: _over_white(tf.io.decode_png(encoded, channels=4)),
        lambda: tf.io.decode_image(encoded, channels=3, expand_animations=False),
    )
    photo.set_shape([None, None, 3])
    photo = tf.cond(orientation > 1, lambda: _upright(photo, orientation), lambda: photo)
    photo.set_shape([None, None, 3])
    return photo


def decoded_photo(content: bytes) -> NDArray[np.uint8]:
    """Decodes a file that `check_image` accepted; the pixels are those of `decode_photo`.

    Outside of a graph a photo need not be copied as often: a large one takes half the memory. The pixels are copied
    once, out of TensorFlow's own pool: it never shrinks, and would grow by a second photo when this one is resized.

    Returns:
        uint8 [height, width, 3].

    Raises:
        tf.errors.InvalidArgumentError: as `decode_photo`.
    """
    encoded = tf.constant(content)
    orientation, transparent = (1, False) if is_upright_and_opaque(content) else photo_header(encoded)
    if transparent:
        photo = _array_over_white(as_array(tf.io.decode_png(encoded, channels=4)))
    else:
        photo = tf.io.decode_image(encoded, channels=3, expand_animations=False).numpy()
    return np.ascontiguousarray(upright(photo, int(orientation)))


def as_array(tensor: Any) -> NDArray[Any]:
    """Returns a tensor's values without copying them, unlike its method `numpy()`."""
    return np.asarray(memoryview(tensor))


def _over_white(image: tf.Tensor) -> tf.Tensor:
    """Lays uint8 [height, width, 4] over white: (colour · alpha + 255 · (255 - alpha)) / 255, rounded; uint8."""
    flat = tf.reshape(image, [-1, 4])
    parts = -(-tf.shape(flat)[0] // _PIXELS_AT_ONCE)

    def write(part: tf.Tensor, written: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
        start = part * _PIXELS_AT_ONCE
        return part + 1, written.write(part, _pixels_over_white(flat[start : start + _PIXELS_AT_ONCE]))

    empty = tf.TensorArray(tf.uint8, parts, infer_shape=False, element_shape=[None, 3])
    _, written = tf.while_loop(lambda part, _: part < parts, write, (0, empty), parallel_iterations=1)
    return tf.reshape(written.concat(), tf.concat([tf.shape(image)[:2], [3]], axis=0))


def _array_over_white(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Does what `_over_white` does, and writes to memory that is allocated once."""
    laid = np.empty((*image.shape[:2], 3), np.uint8)
    pixels, flat = image.reshape(-1, 4), laid.reshape(-1, 3)
    for start in range(0, len(flat), _PIXELS_AT_ONCE):
        part = slice(start, start + _PIXELS_AT_ONCE)
        flat[part] = _pixels_over_white(tf.constant(pixels[part]))
    return laid


def _pixels_over_white(pixels: tf.Tensor) -> tf.Tensor:
    """Lays pixels, uint8 [N, 4], over white, uint8 [N, 3]."""
    colours, alpha = tf.split(tf.cast(pixels, tf.uint16), [3, 1], axis=-1)
    sums = colours * alpha + 255 * (255 - alpha) + 128  # at most 255² + 128, which fits into 16 bits
    rounded = tf.bitwise.right_shift(sums + tf.bitwise.right_shift(sums, np.uint16(8)), np.uint16(8))
    return tf.cast(rounded, tf.uint8)  # an exact rounded division by 255, as in PIL


def _upright(photo: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Turns and mirrors an image [height, width, 3] with an EXIF orientation of 2 to 8."""

    def is_one_of(orientations: tuple[int, ...]) -> tf.Tensor:
        return tf.reduce_any(tf.equal(orientation, orientations))

    for needed, change in (
        (is_one_of(EXCHANGED), lambda image: tf.transpose(image, [1, 0, 2])),
        (is_one_of(MIRRORED), lambda image: image[:, ::-1]),
        (is_one_of(UPSIDE_DOWN), lambda image: image[::-1]),
    ):
        photo = tf.cond(needed, lambda image=photo, change=change: change(image), lambda image=photo: image)
    return photo


def resize_photo(photo: tf.Tensor, size: ImageSize) -> tf.Tensor:
    """Resizes a photo to another shape with antialiased bilinear interpolation.

    Args:
        photo: uint8 [..., height, width, 3].
        size: the side of a square, or height and width of the result, pixels.

    Returns:
        uint8 [..., height, width, 3].
    """
    return _as_uint8(_resized(photo, sides_of(size)))


def fit_photo(photo: tf.Tensor, geometry: Geometry, size: tuple[int, int] | None = None) -> tf.Tensor:
    """Makes a record's image of a photo: the network's image or, with `crop`, one that the network sees windows of.

    Args:
        photo: uint8 [..., height, width, 3].
        geometry: how.
        size: height and width of the photo before it was resized, if it was.

    Returns:
        uint8 [..., rows, columns, 3], of the size that `geometry.padded` returns: `geometry.sides`, except with `crop`.
    """
    if geometry.resize == "stretch":
        return resize_photo(photo, geometry.sides)
    resized = resized_size(geometry, tf.shape(photo)[-3:-1] if size is None else size)
    before, padded = (
        tf.stack(compute(tf.unstack(resized), tf.maximum)) for compute in (geometry.offset, geometry.padded)
    )
    paddings = tf.stack([before, padded - resized - before], axis=1)  # [rows and columns, before and after]
    paddings = tf.pad(paddings, [[len(photo.shape) - 3, 1], [0, 0]])
    # The pixels are padded while they are float: TensorFlow Lite cannot pad bytes.
    pixels = tf.pad(_resized(photo, resized) - PADDING_COLOUR, paddings) + PADDING_COLOUR
    fitted = _as_uint8(pixels)
    sides = (None, None) if geometry.resize == "crop" else geometry.sides
    fitted.set_shape([*photo.shape[:-3], *sides, 3])
    return fitted


def padded_size(geometry: Geometry, size: tf.Tensor) -> tf.Tensor:
    """Computes the size of a record's image, `Geometry.padded`, inside of a graph; as `resized_size`."""
    return tf.stack(geometry.padded(tf.unstack(resized_size(geometry, size)), tf.maximum))


def resized_size(geometry: Geometry, size: tf.Tensor) -> tf.Tensor:
    """Computes `Geometry.resized` inside of a graph.

    Args:
        geometry: the geometry.
        size: int [2], height and width of the photo in pixels.

    Returns:
        int32 [2], height and width in pixels.
    """
    height, width = tf.unstack(tf.cast(size, tf.int64))
    return tf.cast(tf.stack(geometry.resized(height, width, tf.minimum, tf.maximum)), tf.int32)


def _resized(photo: tf.Tensor, size: Any) -> tf.Tensor:
    return tf.image.resize(photo, size, method="bilinear", antialias=True)


def _as_uint8(pixels: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.round(pixels), tf.uint8)  # means of bytes, so nothing exceeds a byte
