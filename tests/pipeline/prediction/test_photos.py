"""Odd images: each is turned into what a person sees, or refused with a sentence."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from pipeline.prediction.photos.reading import PhotoError, read_photo
from tests.pipeline.prediction.odd_images import HEIGHT, WIDTH, encoded, pixels, png_claiming, rotated_jpeg
from tfds_voc_seg.photos import decode_photo

PIXELS = pixels()
GREY = PIXELS[..., 0]
JPEG, PNG = encoded(PIXELS, "JPEG", quality=95), encoded(PIXELS, "PNG")
ALPHA = np.linspace(0, 255, WIDTH).astype(np.uint8)[np.newaxis].repeat(HEIGHT, axis=0)
OVER_WHITE = np.rint(PIXELS * (ALPHA[..., np.newaxis] / 255) + 255 - ALPHA[..., np.newaxis].astype(float))


def _palette_image(transparent: int | None = None) -> bytes:
    picture = Image.fromarray((GREY // 32).astype(np.uint8))
    picture.putpalette([value for index in range(8) for value in (30 * index, 10, 200)])
    return encoded(picture, "PNG", **({} if transparent is None else {"transparency": transparent}))


def test_a_jpeg_has_the_pixels_that_the_records_have() -> None:
    for content in (JPEG, encoded(PIXELS, "JPEG", progressive=True), encoded(GREY, "JPEG")):
        np.testing.assert_array_equal(read_photo(content), decode_photo(tf.constant(content)))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_is_turned_upright(orientation: int) -> None:
    content = rotated_jpeg(orientation)
    with Image.open(io.BytesIO(content)) as image:
        upright = np.asarray(ImageOps.exif_transpose(image)).astype(int)
    photo = read_photo(content)
    assert photo.shape == upright.shape == ((WIDTH, HEIGHT, 3) if orientation > 4 else (HEIGHT, WIDTH, 3))
    assert np.abs(photo - upright).mean() < 2  # of 255; the two decoders round differently
    with Image.open(io.BytesIO(content)) as image:
        np.testing.assert_array_equal(read_photo(image), upright)


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
def test_every_kind_of_image_becomes_rgb(content: bytes, expected: np.ndarray, tmp_path: Path) -> None:
    (tmp_path / "named.wrongly").write_bytes(content)
    for source in (content, tmp_path / "named.wrongly", str(tmp_path / "named.wrongly")):
        photo = read_photo(source)
        assert photo.dtype == np.uint8
        np.testing.assert_allclose(photo, expected, atol=1)


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr"])
def test_print_colours_become_rgb(mode: str) -> None:
    content = encoded(Image.fromarray(PIXELS).convert(mode), "JPEG", quality=95)
    assert np.abs(read_photo(content).astype(int) - PIXELS).mean() < 3


def test_an_animation_gives_its_first_frame() -> None:
    frames = [Image.fromarray(np.full((HEIGHT, WIDTH, 3), value, np.uint8)) for value in (10, 200)]
    content = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert np.unique(read_photo(content)).tolist() == [10]


def test_arrays() -> None:
    for array, expected in (
        (PIXELS, PIXELS),
        (GREY, GREY[..., np.newaxis].repeat(3, -1)),
        (GREY[..., np.newaxis], GREY[..., np.newaxis].repeat(3, -1)),
        (PIXELS.astype(np.uint16) * 256, PIXELS),
        (np.dstack([PIXELS, np.full_like(GREY, 255)]), PIXELS),
        (PIXELS[::-1, ::-1], PIXELS[::-1, ::-1]),
    ):
        np.testing.assert_array_equal(read_photo(array), expected)


BAD = {
    "empty": (b"", "is empty"),
    "text": (b"hello, this is no image", "is not an image of a format that can be read"),
    "page": (b"<html><body>404</body></html>", "is not an image of a format that can be read"),
    "program": (b"\x7fELF" + bytes(200), "is not an image of a format that can be read"),
    "short_jpeg": (JPEG[: len(JPEG) // 2], "is damaged or cut short: it can't be decoded (jpeg::Uncompress failed"),
    "jpegs_head": (JPEG[:20], "can"),
    "short_png": (PNG[: len(PNG) // 2], "is damaged or cut short: it can't be decoded"),
    "short_tiff": (encoded(PIXELS, "TIFF")[:3000], "is damaged or cut short"),
    "short_webp": (encoded(PIXELS, "WEBP")[:200], "can"),
    "short_gif": (encoded(GREY, "GIF")[:-500], "is damaged or cut short"),
    "changed_png": (PNG[:60] + bytes(20) + PNG[80:], "is damaged or cut short"),
    "bomb": (png_claiming(60_000, 60_000), "unpacks to too many pixels: make it smaller"),
    "float": (encoded(Image.fromarray(GREY.astype(np.float32)), "TIFF"), "holds floating-point values"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_image_is_said_by_name(name: str, tmp_path: Path) -> None:
    content, sentence = BAD[name]
    file = tmp_path / f"{name}.jpg"
    file.write_bytes(content)
    for source, called in ((content, "the image"), (file, str(file))):
        with pytest.raises(PhotoError) as refusal:
            read_photo(source)
        assert str(refusal.value).startswith(f"{called} ")
        assert sentence in str(refusal.value)
        assert "{{" not in str(refusal.value)


def test_what_is_no_source_is_said(tmp_path: Path) -> None:
    for source, sentence in (
        (tmp_path / "missing.jpg", "missing.jpg can't be read: No such file or directory"),
        (tmp_path, "can't be read: Is a directory"),
        (PIXELS.astype(np.float32), "is of float32: its values must be uint8, 0 to 255, or uint16"),
        (PIXELS[np.newaxis], r"has the shape \[1, 40, 60, 3\]"),
        (np.zeros((0, 5, 3), np.uint8), r"has the shape \[0, 5, 3\]"),
        (np.zeros((4, 5, 2), np.uint8), r"has the shape \[4, 5, 2\]"),
        (7, "must be an array, a PIL image, a path or bytes, not int"),
    ):
        with pytest.raises(PhotoError, match=sentence):
            read_photo(source)  # type: ignore[arg-type]
