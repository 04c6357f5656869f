"""Bad requests to the SavedModel: the error names the image, and the next request is answered."""

from __future__ import annotations

import base64
import contextlib
import io
import struct
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.components.saved_model.small_model import BMP, FILES, GIF, JPEG, PNG, SIZE
from tests.pipeline.prediction.odd_images import encoded, pixels

if TYPE_CHECKING:
    from collections.abc import Callable

TIFF, WEBP = encoded(pixels(), "TIFF"), encoded(pixels(), "WEBP")


def _png_claiming(width: int, height: int) -> bytes:
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))


def _jpeg_claiming(width: int, height: int) -> bytes:
    place = JPEG.index(b"\xff\xc0") + 5  # in the frame header, after marker, length and precision
    return JPEG[:place] + struct.pack(">HH", height, width) + JPEG[place + 4 :]


def _gif_claiming(width: int, height: int) -> bytes:
    return GIF[:6] + struct.pack("<HH", width, height) + GIF[10:]


def _error_of(model: Any, *files: bytes) -> str:
    """The error message for a request; checks that a good request after it is answered as before."""
    segment = model.signatures["serving_default"]
    before = segment(image_bytes=tf.constant([JPEG]))["scores"]
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        segment(image_bytes=tf.constant(files))
    np.testing.assert_array_equal(segment(image_bytes=tf.constant([JPEG]))["scores"], before)
    assert "{{function_node" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    "content", [b"", b"\xff", b"<html>", base64.b64encode(JPEG), b"\x89PNG\r\n", PNG[1:], TIFF, WEBP]
)
def test_the_error_for_another_file_names_its_index(model: Any, content: bytes) -> None:
    sentence = "image_bytes[2] is not a JPEG, PNG, GIF or BMP file: send the bytes of an image file"
    assert sentence in _error_of(model, JPEG, PNG, content, JPEG)
    assert sentence.replace("[2]", "[0]") in _error_of(model, content)


@pytest.mark.parametrize("length", [9, 30, 0.5, 0.9])
@pytest.mark.parametrize("file", [JPEG, PNG, GIF, BMP], ids=["jpeg", "png", "gif", "bmp"])
def test_a_corrupt_image_is_rejected(model: Any, file: bytes, length: float) -> None:
    cut = file[: int(length if length > 1 else len(file) * length)]
    assert "image_bytes[" not in _error_of(model, JPEG, cut)  # the decoder's own message


@pytest.mark.parametrize("claiming", [_png_claiming, _jpeg_claiming, _gif_claiming])
def test_a_decompression_bomb_is_rejected_from_its_header(model: Any, claiming: Callable[[int, int], bytes]) -> None:
    sentence = "image_bytes[1] unpacks to 51003400 pixels, and 51000000 are allowed: make the image smaller"
    for _ in range(50):  # every time: the check never races with the decoder
        assert sentence in _error_of(model, PNG, claiming(30_002, 1_700))
    assert "unpacks to 4290250000 pixels" in _error_of(model, claiming(65_500, 65_500))


def test_the_largest_images_pass_the_check(model: Any) -> None:
    assert "unpacks" not in _error_of(model, _png_claiming(30_000, 1_700))  # there are no data after the header
    written = io.BytesIO()
    Image.new("L", (30_000, 1_700)).save(written, "PNG")
    assert model.signatures["class_map"](image_bytes=tf.constant([written.getvalue()]))["class_map"].shape[0] == 1


@settings(max_examples=60)
@given(file=st.sampled_from([b"", *FILES[:4]]), place=st.integers(0, 60), noise=st.binary(max_size=40))
def test_any_bytes_get_an_answer_or_an_error(model: Any, file: bytes, place: int, noise: bytes) -> None:
    content = file[:place] + noise + file[place + len(noise) :]
    with contextlib.suppress(tf.errors.InvalidArgumentError):
        assert model.signatures["class_map"](image_bytes=tf.constant([content]))["class_map"].shape == (1, SIZE, SIZE)


def test_invalid_records_are_rejected(model: Any) -> None:
    for content in (b"no record", b"", tf.train.Example().SerializeToString()):
        with pytest.raises(tf.errors.InvalidArgumentError):
            model.signatures["segment_examples"](examples=tf.constant([content]))
