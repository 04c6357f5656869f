"""One decoder shows a photo upright and over white, in records, in a SavedModel and in `predict`."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from components.saved_model.request_images import decode_request
from pipeline.prediction.photos.reading import read_photo
from tests.pipeline.prediction.odd_images import encoded, pixels
from tfds_voc_seg import photos
from tfds_voc_seg.devkit.pairs import read_pair
from tfds_voc_seg.devkit.problems import DevkitError
from tfds_voc_seg.devkit.splits import read_splits
from tfds_voc_seg.geometry import Geometry
from tfds_voc_seg.label_set import VOC_LABELS
from tfds_voc_seg.photo_headers import is_upright_and_opaque, photo_header
from tfds_voc_seg.photos import decode_photo, decoded_photo, resize_photo

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

PIXELS = pixels(8, 12)
ORIENTATIONS = range(1, 9)


def _exif(orientation: int, byte_order: str = "<") -> bytes:
    exif = Image.Exif()
    exif.endian = byte_order
    exif[0x010F], exif[0x0112], exif[0x0131] = "a camera", orientation, "a program"
    return exif.tobytes()


def _turned(image: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Turns an image as PIL does."""
    picture = Image.fromarray(image)
    picture.info["exif"] = _exif(orientation)
    return np.asarray(ImageOps.exif_transpose(picture))


def _jpeg(orientation: int, byte_order: str = "<", comment: bytes = b"") -> bytes:
    return encoded(PIXELS, "JPEG", exif=_exif(orientation, byte_order), comment=comment)


@pytest.mark.parametrize("byte_order", ["<", ">"])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_a_jpeg_is_turned_upright(orientation: int, byte_order: str) -> None:
    content = _jpeg(orientation, byte_order)
    stored = tf.io.decode_jpeg(content).numpy()
    np.testing.assert_array_equal(decode_photo(tf.constant(content)), _turned(stored, orientation))
    np.testing.assert_array_equal(decoded_photo(content), _turned(stored, orientation))


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_a_png_is_turned_upright(orientation: int) -> None:
    content = encoded(PIXELS, "PNG", exif=_exif(orientation))
    np.testing.assert_array_equal(decode_photo(tf.constant(content)), _turned(PIXELS, orientation))


def test_exif_after_other_segments_is_found() -> None:
    exif_segment = _jpeg(6)[2:]
    extra = b"\xff\xe1\x00\x08http:\x00" + b"\xff\xfe\x00\x04hi" + b"\xff\xe0\x00\x04ab"
    plain = decode_photo(tf.constant(_jpeg(6)))
    np.testing.assert_array_equal(decode_photo(tf.constant(b"\xff\xd8" + extra + exif_segment)), plain)


@pytest.mark.parametrize("orientation", [0, 9, 65_535])
def test_an_invalid_orientation_counts_as_upright(orientation: int) -> None:
    assert decode_photo(tf.constant(_jpeg(orientation))).shape == PIXELS.shape


def test_without_orientation_and_transparency_the_pixels_are_those_of_tensorflow() -> None:
    grey = Image.fromarray(PIXELS[..., 0])
    for content in (
        encoded(PIXELS, "JPEG"),
        encoded(PIXELS, "PNG"),
        encoded(grey, "PNG"),
        encoded(Image.fromarray(PIXELS[..., 0].astype(np.uint16) * 257), "PNG"),
        encoded(Image.fromarray(PIXELS).quantize(8), "PNG"),
        encoded(grey, "GIF"),
        encoded(PIXELS, "BMP"),
        encoded(Image.fromarray(PIXELS).convert("CMYK"), "JPEG"),
    ):
        expected = tf.io.decode_image(content, channels=3, expand_animations=False)
        np.testing.assert_array_equal(decode_photo(tf.constant(content)), expected)


def test_every_colour_and_alpha_is_laid_over_white_as_pil_does() -> None:
    colour, alpha = np.mgrid[:256, :256].astype(np.uint8)
    picture = Image.fromarray(np.dstack([colour, colour[::-1], colour, alpha]))
    over_white = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
    np.testing.assert_array_equal(decode_photo(tf.constant(encoded(picture, "PNG"))), np.asarray(over_white))


def test_a_large_transparent_image_is_laid_over_white_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    content = tf.constant(encoded(np.random.default_rng(1).integers(0, 256, (30, 40, 4), np.uint8), "PNG"))
    at_once = decode_photo(content).numpy()
    monkeypatch.setattr(photos, "_PIXELS_AT_ONCE", 77)
    np.testing.assert_array_equal(decode_photo(content), at_once)
    np.testing.assert_array_equal(decoded_photo(content.numpy()), at_once)


def _over_white(content: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(content)) as image:
        picture = image.convert("RGBA")
    return np.asarray(Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB"))


def test_transparency_without_an_alpha_channel_is_laid_over_white() -> None:
    grey = PIXELS[..., 0] // 32
    palette = Image.fromarray(grey)
    palette.putpalette([value for index in range(8) for value in (30 * index, 10, 200)])
    for content in (
        encoded(palette, "PNG", transparency=3),
        encoded(Image.fromarray(grey), "PNG", transparency=3),
        encoded(Image.fromarray(PIXELS), "PNG", transparency=tuple(int(value) for value in PIXELS[0, 0])),
        encoded(Image.fromarray(np.dstack([PIXELS[..., 0], PIXELS[..., 1]])), "PNG"),
    ):
        np.testing.assert_array_equal(decode_photo(tf.constant(content)), _over_white(content))


@pytest.mark.parametrize(
    "content",
    [
        _jpeg(6),
        encoded(PIXELS, "PNG", exif=_exif(8)),
        encoded(np.dstack([PIXELS, PIXELS[..., 0]]), "PNG"),
        encoded(Image.fromarray(PIXELS), "PNG", transparency=tuple(int(value) for value in PIXELS[0, 0])),
        encoded(PIXELS, "GIF"),
    ],
    ids=["exif, jpeg", "exif, png", "alpha", "transparent colour", "gif"],
)
def test_records_requests_and_predict_show_the_same_pixels(content: bytes, own_devkit: Path) -> None:
    pair = read_splits(own_devkit)["train"].pairs[0]
    expected = decode_photo(tf.constant(content)).numpy()
    (own_devkit / "JPEGImages" / f"{pair.image_id}.jpg").write_bytes(content)
    Image.fromarray(np.zeros(expected.shape[:2], np.uint8)).save(pair.mask)
    np.testing.assert_array_equal(read_pair(pair, VOC_LABELS)[0], expected)
    np.testing.assert_array_equal(read_photo(content, decoded_photo), expected)
    request, sizes = decode_request(tf.constant([content]), Geometry(16))
    assert tuple(sizes[0].numpy()) == expected.shape[:2]
    np.testing.assert_array_equal(request[0], resize_photo(tf.constant(expected), 16))


def test_a_mask_that_fits_only_the_unturned_photo_is_refused(own_devkit: Path) -> None:
    pair = read_splits(own_devkit)["train"].pairs[0]
    (own_devkit / "JPEGImages" / f"{pair.image_id}.jpg").write_bytes(_jpeg(6))
    Image.fromarray(np.zeros(PIXELS.shape[:2], np.uint8)).save(pair.mask)
    with pytest.raises(
        DevkitError, match="is 12×8 pixels but its photo is 8×12; the EXIF orientation 6 turns the photo"
    ):
        read_pair(pair, VOC_LABELS)


def _cut(content: bytes, place: int, noise: bytes) -> bytes:
    return content[:place] + noise + content[place + len(noise) :]


@settings(max_examples=80)
@given(
    content=st.sampled_from([_jpeg(6), encoded(PIXELS, "PNG", exif=_exif(8)), encoded(PIXELS, "GIF")]),
    place=st.integers(0, 200),
    noise=st.binary(max_size=12),
    cut=st.booleans(),
)
def test_a_damaged_header_never_breaks_the_reading_of_the_header(
    content: bytes, place: int, noise: bytes, cut: bool
) -> None:
    damaged = content[:place] + noise if cut else _cut(content, place, noise)
    orientation, transparent = photo_header(tf.constant(damaged))
    assert 1 <= int(orientation) <= 8
    if is_upright_and_opaque(damaged):
        assert int(orientation) == 1
        assert not transparent


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP"])
def test_an_ordinary_header_is_not_walked_through(kind: str) -> None:
    assert is_upright_and_opaque(encoded(PIXELS, kind))


@settings(max_examples=40, deadline=None)
@given(st.tuples(*[st.integers(1, 40)] * 4), st.integers(0, 2**32 - 1))
def test_resizing_extremes_stays_within_a_byte(sides: tuple[int, int, int, int], seed: int) -> None:
    extremes = 255 * np.random.default_rng(seed).integers(0, 2, (*sides[:2], 3), np.uint8)
    pixels = tf.image.resize(extremes, sides[2:], method="bilinear", antialias=True)
    saturated = tf.saturate_cast(tf.round(pixels), tf.uint8)
    np.testing.assert_array_equal(resize_photo(tf.constant(extremes), sides[2:]), saturated)


def test_an_error_names_no_place_in_a_graph(own_devkit: Path) -> None:
    pair = read_splits(own_devkit)["train"].pairs[0]
    damage: Callable[[bytes], bytes] = lambda content: content[: len(content) // 2]  # noqa: E731
    photo = own_devkit / "JPEGImages" / f"{pair.image_id}.jpg"
    photo.write_bytes(damage(photo.read_bytes()))
    with pytest.raises(DevkitError, match="cannot be decoded as a photo") as error:
        read_pair(pair, VOC_LABELS)
    assert "{{" not in str(error.value)
    assert "__inference" not in str(error.value)
