"""In a graph the same images are refused as in Python, and what a stream of a record inflates to is limited."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.fuzz.bombs import Bomb, empty_blocks
from tests.fuzz.image_files import bmp, deflated, gif, jpeg, png, png_chunk, zeros_deflated
from tests.pipeline.prediction.odd_images import encoded, pixels
from tfds_voc_seg.image_limits.graph import checked_photo, checked_record_image
from tfds_voc_seg.image_limits.header import ImageRefusedError
from tfds_voc_seg.image_limits.inflation import inflated, inflates_beyond
from tfds_voc_seg.image_limits.limits import check_image, longest_side


@tf.function(input_signature=[tf.TensorSpec([], tf.string)])
def _checked(content: tf.Tensor) -> tf.Tensor:
    return checked_photo(content, tf.constant("image_bytes[7]"))


@tf.function(input_signature=[tf.TensorSpec([], tf.string), tf.TensorSpec([], tf.int64)])
def _inflated(content: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    return inflated(content, size)


IMAGES = [
    Bomb("jpeg", encoded(pixels(), "JPEG"), (60, 40)),
    Bomb("progressive", encoded(pixels(), "JPEG", progressive=True), (60, 40)),
    Bomb("png", encoded(pixels(), "PNG"), (60, 40)),
    Bomb("gif", gif((60, 40), [(60, 40)] * 3), (60, 40)),
    Bomb("bmp", encoded(pixels(), "BMP"), (60, 40)),
    Bomb("many scans", jpeg((9, 9), scans=2_000, progressive=True), (9, 9)),
    Bomb("many scans of a large image", jpeg((5_000, 5_000), scans=250, progressive=True), (5_000, 5_000)),
    Bomb("scans in CMYK", jpeg((8_688, 5_792), scans=2, components=4), (8_688, 5_792)),
    Bomb("texts", png((8, 8), after=png_chunk(b"zTXt", b"x") * 40), (8, 8)),
    Bomb("surplus", png((8, 8), pixels=zeros_deflated(5_000 * 2**20)), (8, 8)),
    Bomb("wide png", png((1_000_000, 1), pixels=b""), (1_000_000, 1)),
    Bomb("high bmp", bmp((1, -70_000), 8), (1, 70_000)),
    Bomb("large bmp", bmp((9_000, 9_000))[:100], (9_000, 9_000)),
    Bomb("large png", png((7_142, 7_142), pixels=b""), (7_142, 7_142)),
    Bomb("large jpeg", jpeg((65_000, 65_000))[:1_000], (65_000, 65_000)),
    Bomb("large frame", gif((1, 1), [(25_000, 25_000)], coded=False), (25_000, 25_000)),
    Bomb("webp", encoded(pixels(), "WEBP"), (60, 40)),
    Bomb("nothing", b"", (1, 1)),
]


@pytest.mark.parametrize("image", IMAGES, ids=[image.name for image in IMAGES])
def test_python_and_the_graph_agree(image: Bomb) -> None:
    try:
        expected = check_image(image.content).first_image(image.content)
    except ImageRefusedError:
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"image_bytes\[7\] (is|has|contains|unpacks)"):
            _checked(image.content)
    else:
        assert _checked(image.content).numpy() == expected


LARGE_PNG = (4_000, 3_000)
NOISE = np.random.default_rng(0).integers(0, 256, 12_000_000, np.uint8)
PHOTO = zlib.compress(NOISE.tobytes() + bytes(3 * 12_000_000 + 3_000 - len(NOISE)), 1)


def _png_in_chunks(size: tuple[int, int], stream: bytes, length: int) -> bytes:
    chunks = (png_chunk(b"IDAT", stream[start : start + length]) for start in range(0, len(stream), length))
    return png(size, pixels=b"").replace(png_chunk(b"IDAT", b""), b"".join(chunks))


@pytest.mark.parametrize("length", [1 << 13, 1 << 30])
def test_a_large_png_is_accepted_whole(length: int) -> None:
    content = _png_in_chunks(LARGE_PNG, PHOTO, length)
    assert len(content) > 12_000_000
    assert _checked(content).numpy() == content


@pytest.mark.parametrize("length", [1 << 13, 1 << 30])
def test_a_png_is_refused_whose_pixels_are_followed_by_more_data(length: int) -> None:
    rows = NOISE.tobytes() + bytes(3 * 12_000_000 + 3_000 - len(NOISE))
    content = _png_in_chunks(LARGE_PNG, deflated(rows, zeros=8 << 30), length)
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"image_bytes\[7\] contains more data than its size needs"
    ):
        _checked(content)


def test_empty_blocks_are_not_inflated_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = empty_blocks((1_000, 1_000), 1, 9_000_000)
    size = tf.constant(991 * 1_001, tf.int64)
    assert [value.numpy() for value in inflates_beyond(tf.constant(stream), size)] == [False, True]
    monkeypatch.setattr("tfds_voc_seg.image_limits.inflation._INFLATED_IN_ALL", 10 * size)
    assert [value.numpy() for value in inflates_beyond(tf.constant(stream), size)] == [False, False]
    large = tf.constant(320 << 20, tf.int64)
    assert [value.numpy() for value in inflates_beyond(tf.constant(stream), large)] == [False, False]
    with pytest.raises(tf.errors.InvalidArgumentError, match=f"does not unpack to {size} bytes"):
        inflated(tf.constant(stream), size)  # the same outside of a graph


def test_a_large_png_in_small_chunks_is_refused() -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match="has more than 8192 chunks in its first 17 MiB"):
        _checked(_png_in_chunks(LARGE_PNG, PHOTO, 1_000))


def test_a_gif_whose_blocks_have_many_lengths_is_refused() -> None:
    blocks = b"\1\0\2\0\0" * 1_001
    content = gif((9, 9), [])[:-1] + b",\0\0\0\0\t\0\t\0\0\2" + blocks + b"\0;"
    with pytest.raises(tf.errors.InvalidArgumentError, match="has more than 2000 blocks before the end of its first"):
        _checked(content)


def test_the_longest_side_depends_on_the_size_of_the_result() -> None:
    assert longest_side(300) == 30_000
    assert longest_side(4096) == 16_384


@pytest.mark.parametrize("kind", ["zeros", "noise"])
@pytest.mark.parametrize("size", [0, 1, 300 * 300 * 21, 3_000_000])
def test_a_stream_of_the_right_size_is_inflated(kind: str, size: int) -> None:
    content = bytes(size) if kind == "zeros" else np.random.default_rng(1).bytes(size)
    assert _inflated(zlib.compress(content), size).numpy() == content


@pytest.mark.parametrize(
    "stream", [zeros_deflated(2**34), zlib.compress(bytes(99)), zlib.compress(bytes(101)), b"", b"\x78\xda"]
)
def test_a_stream_of_another_size_is_refused(stream: bytes) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match="mask of a record does not unpack to 100 bytes"):
        _inflated(stream, 100)


def test_the_image_of_a_record_has_the_size_of_the_record() -> None:
    for name in ("PNG", "JPEG"):
        content = encoded(pixels(), name)
        assert checked_record_image(tf.constant(content), 40, 60).numpy() == content
    bad: list[tuple[Any, str]] = [
        (encoded(pixels(), "PNG"), "does not have the record's size"),
        (png((60_000, 60_000), pixels=b""), "does not have the record's size"),
        (encoded(pixels(), "GIF"), "is neither a PNG nor a JPEG"),
        (png((9, 9), after=png_chunk(b"zTXt", bytes(70_000))), "does not have the record's size"),
        (jpeg((9, 9), scans=2_000, progressive=True), "is a JPEG with 1001 or more scans"),
    ]
    for content, sentence in bad:
        with pytest.raises(tf.errors.InvalidArgumentError, match=f"the image of a record {sentence}"):
            checked_record_image(tf.constant(content), 9, 9)
