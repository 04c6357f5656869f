"""`read_photo` converts every kind of image to RGB, or refuses it with a message."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from pipeline.engines.photos import PhotosWithoutTensorflow
from pipeline.prediction.photos.reading import PhotoError, read_photo
from tests.pipeline.prediction.odd_images import HEIGHT, WIDTH, encoded, pixels, png_header, rotated_jpeg
from tfds_voc_seg.photos import decode_photo, decoded_photo

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    Read: TypeAlias = Callable[[Any], NDArray[np.uint8]]

PIXELS = pixels()
GREY = PIXELS[..., 0]
JPEG, PNG = encoded(PIXELS, "JPEG", quality=95), encoded(PIXELS, "PNG")
ALPHA = np.linspace(0, 255, WIDTH).astype(np.uint8)[np.newaxis].repeat(HEIGHT, axis=0)
OVER_WHITE = np.rint(PIXELS * (ALPHA[..., np.newaxis] / 255) + 255 - ALPHA[..., np.newaxis].astype(float))


DECODERS = {"tensorflow": decoded_photo, "without tensorflow": PhotosWithoutTensorflow().decode}


@pytest.fixture(params=DECODERS)
def read(request: pytest.FixtureRequest) -> Read:
    """`read_photo` with the decoder of an engine."""
    return lambda source: read_photo(source, DECODERS[request.param])


def _palette_image(transparent: int | None = None) -> bytes:
    picture = Image.fromarray((GREY // 32).astype(np.uint8))
    picture.putpalette([value for index in range(8) for value in (30 * index, 10, 200)])
    return encoded(picture, "PNG", **({} if transparent is None else {"transparency": transparent}))


def test_a_jpeg_is_decoded_as_for_the_records(read: Read) -> None:
    for content in (JPEG, encoded(PIXELS, "JPEG", progressive=True), encoded(GREY, "JPEG")):
        np.testing.assert_array_equal(read(content), decode_photo(tf.constant(content)))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_exif_orientation_is_applied(read: Read, orientation: int) -> None:
    content = rotated_jpeg(orientation)
    with Image.open(io.BytesIO(content)) as image:
        upright = np.asarray(ImageOps.exif_transpose(image)).astype(int)
    photo = read(content)
    assert photo.shape == upright.shape == ((WIDTH, HEIGHT, 3) if orientation > 4 else (HEIGHT, WIDTH, 3))
    assert np.abs(photo - upright).mean() < 2  # of 255; the decoders of TensorFlow and PIL round differently
    with Image.open(io.BytesIO(content)) as image:
        np.testing.assert_array_equal(read(image), upright)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(PNG, PIXELS, id="png"),
        pytest.param(encoded(PIXELS, "BMP"), PIXELS, id="bmp"),
        pytest.param(encoded(PIXELS, "TIFF", compression="tiff_lzw"), PIXELS, id="tiff"),
        pytest.param(encoded(PIXELS, "WEBP", lossless=True), PIXELS, id="webp"),
        pytest.param(encoded(GREY, "PNG"), GREY[..., np.newaxis].repeat(3, -1), id="grey"),
        pytest.param(
            encoded(Image.fromarray(GREY > 99), "PNG"), 255 * (GREY > 99)[..., np.newaxis].repeat(3, -1), id="1 bit"
        ),
        pytest.param(
            encoded(GREY.astype(np.uint16) * 257, "PNG"), GREY[..., np.newaxis].repeat(3, -1), id="16 bits, png"
        ),
        pytest.param(
            encoded(GREY.astype(np.uint16) * 257, "TIFF"), GREY[..., np.newaxis].repeat(3, -1), id="16 bits, tiff"
        ),
        pytest.param(
            encoded(GREY.astype(np.int32) * 257, "TIFF"), GREY[..., np.newaxis].repeat(3, -1), id="32 bits, tiff"
        ),
        pytest.param(encoded(np.dstack([PIXELS, ALPHA]), "PNG"), OVER_WHITE, id="transparent"),
        pytest.param(
            encoded(Image.merge("LA", [Image.fromarray(GREY), Image.fromarray(ALPHA)]), "PNG"),
            np.rint(GREY * (ALPHA / 255) + 255 - ALPHA.astype(float))[..., np.newaxis].repeat(3, -1),
            id="grey, transparent",
        ),
        pytest.param(
            _palette_image(),
            np.stack([30 * (GREY // 32), np.full_like(GREY, 10), np.full_like(GREY, 200)], axis=-1),
            id="palette",
        ),
        pytest.param(
            _palette_image(transparent=0),
            np.where(
                (GREY // 32 == 0)[..., np.newaxis],
                255,
                np.stack([30 * (GREY // 32), np.full_like(GREY, 10), np.full_like(GREY, 200)], axis=-1),
            ),
            id="palette, one entry transparent",
        ),
        pytest.param(encoded(np.zeros((1, 1, 3), np.uint8), "PNG"), np.zeros((1, 1, 3)), id="one pixel"),
        pytest.param(encoded(np.zeros((2, 3000, 3), np.uint8), "PNG"), np.zeros((2, 3000, 3)), id="a strip"),
        pytest.param(
            encoded(PIXELS, "TIFF", save_all=True, append_images=[Image.fromarray(255 - PIXELS)]), PIXELS, id="pages"
        ),
    ],
)
def test_every_kind_of_image_becomes_rgb(
    read: Read, content: bytes, expected: NDArray[np.uint8], tmp_path: Path
) -> None:
    (tmp_path / "photo.wrong_suffix").write_bytes(content)
    for source in (content, tmp_path / "photo.wrong_suffix", str(tmp_path / "photo.wrong_suffix")):
        photo = read(source)
        assert photo.dtype == np.uint8
        np.testing.assert_allclose(photo, expected, atol=1)


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr"])
def test_cmyk_and_ycbcr_become_rgb(read: Read, mode: str) -> None:
    content = encoded(Image.fromarray(PIXELS).convert(mode), "JPEG", quality=95)
    assert np.abs(read(content).astype(int) - PIXELS).mean() < 3


def test_the_first_frame_of_an_animation_is_read(read: Read) -> None:
    frames = [Image.fromarray(np.full((HEIGHT, WIDTH, 3), value, np.uint8)) for value in (10, 200)]
    content = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert np.unique(read(content)).tolist() == [10]


def test_arrays_become_rgb(read: Read) -> None:
    for array, expected in (
        (PIXELS, PIXELS),
        (GREY, GREY[..., np.newaxis].repeat(3, -1)),
        (GREY[..., np.newaxis], GREY[..., np.newaxis].repeat(3, -1)),
        (PIXELS.astype(np.uint16) * 256, PIXELS),
        (np.dstack([PIXELS, np.full_like(GREY, 255)]), PIXELS),
        (PIXELS[::-1, ::-1], PIXELS[::-1, ::-1]),
    ):
        np.testing.assert_array_equal(read(array), expected)


BAD = {
    "empty": (b"", "is empty"),
    "text": (b"hello, this is not an image", "is not an image in a supported format"),
    "page": (b"<html><body>404</body></html>", "is not an image in a supported format"),
    "program": (b"\x7fELF" + bytes(200), "is not an image in a supported format"),
    "truncated_jpeg": (JPEG[: len(JPEG) // 2], "is damaged or truncated and cannot be decoded ("),
    "jpeg_header": (JPEG[:20], "is not an image in a supported format"),
    "truncated_png": (PNG[: len(PNG) // 2], "is damaged or truncated and cannot be decoded"),
    "truncated_tiff": (encoded(PIXELS, "TIFF")[:3000], "is damaged or truncated"),
    "truncated_webp": (encoded(PIXELS, "WEBP")[:200], "is damaged or truncated and cannot be decoded"),
    "truncated_gif": (encoded(GREY, "GIF")[:-500], "is damaged or truncated"),
    "damaged_png": (PNG[:60] + bytes(20) + PNG[80:], "is damaged or truncated"),
    "bomb": (png_header(60_000, 60_000), "has more than 51,000,000 pixels: if this is a valid image, make it smaller"),
    "float": (encoded(Image.fromarray(GREY.astype(np.float32)), "TIFF"), "has floating-point values"),
}


@pytest.mark.parametrize("name", BAD)
def test_files_that_are_not_usable_images_are_refused_by_name(read: Read, name: str, tmp_path: Path) -> None:
    content, sentence = BAD[name]
    file = tmp_path / f"{name}.jpg"
    file.write_bytes(content)
    for source, called in ((content, "the image"), (file, str(file))):
        with pytest.raises(PhotoError) as raised:
            read(source)
        assert str(raised.value).startswith(f"{called} ")
        assert sentence in str(raised.value)
        assert "{{" not in str(raised.value)


def test_unusable_sources_are_refused(read: Read, tmp_path: Path) -> None:
    for source, sentence in (
        (tmp_path / "missing.jpg", "missing.jpg cannot be read: No such file or directory"),
        (tmp_path, "cannot be read: Is a directory"),
        (PIXELS.astype(np.float32), "has the type float32: its values must be uint8, 0 to 255, or uint16"),
        (PIXELS[np.newaxis], r"has the shape \[1, 40, 60, 3\]"),
        (np.zeros((0, 5, 3), np.uint8), r"has the shape \[0, 5, 3\]"),
        (np.zeros((4, 5, 2), np.uint8), r"has the shape \[4, 5, 2\]"),
        (7, "must be an array, a PIL image, a path or bytes, not int"),
    ):
        with pytest.raises(PhotoError, match=sentence):
            read(source)
