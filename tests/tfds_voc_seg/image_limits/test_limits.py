"""Headers are read as the decoders read them, and what would unpack to too much is refused before it is decoded."""

from __future__ import annotations

import contextlib
import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.fuzz.image_files import bmp, gif, jpeg, png, png_chunk, tiff, webp, zeros_deflated
from tests.pipeline.prediction.odd_images import encoded, pixels
from tfds_voc_seg.image_limits.header import ImageRefusedError
from tfds_voc_seg.image_limits.headers import read_header
from tfds_voc_seg.image_limits.limits import (
    MASK_FORMATS,
    MAX_DECODING_BYTES,
    PREDICTED_FORMATS,
    check_image,
    decoding_bytes,
)
from tfds_voc_seg.image_limits.opening import open_image

if TYPE_CHECKING:
    from collections.abc import Callable

MADE = {
    "JPEG": ("RGB", "L", "CMYK"),
    "PNG": ("RGB", "L", "RGBA", "LA", "P", "1", "I;16"),
    "GIF": ("L", "P"),
    "BMP": ("RGB", "L", "P", "1"),
    "WEBP": ("RGB", "RGBA"),
    "TIFF": ("RGB", "L", "RGBA", "I;16"),
}


@settings(max_examples=60)
@given(st.data(), st.integers(1, 70), st.integers(1, 70))
def test_the_size_is_the_one_that_pil_reads(data: st.DataObject, width: int, height: int) -> None:
    name = data.draw(st.sampled_from(sorted(MADE)))
    mode = data.draw(st.sampled_from(MADE[name]))
    options: dict[str, Any] = {"progressive": data.draw(st.booleans())} if name == "JPEG" else {}
    content = encoded(Image.new(mode, (width, height)), name, **options)
    header = check_image(content, PREDICTED_FORMATS)
    assert (header.format, header.width, header.height) == (name, width, height)
    with open_image(content, PREDICTED_FORMATS) as image:
        assert image.size == (width, height)
    assert 0 < decoding_bytes(header) < MAX_DECODING_BYTES


@settings(max_examples=150)
@given(
    content=st.sampled_from(
        [
            *(encoded(pixels(8, 12), name) for name in MADE),
            jpeg((9, 9), scans=3, progressive=True),
            tiff((9, 9), tile=16),
        ]
    ),
    place=st.integers(0, 300),
    noise=st.binary(max_size=12),
    cut=st.booleans(),
)
def test_a_damaged_file_is_read_or_refused(content: bytes, place: int, noise: bytes, cut: bool) -> None:
    damaged = content[:place] + noise + (b"" if cut else content[place + len(noise) :])
    with contextlib.suppress(ImageRefusedError):
        assert check_image(damaged, PREDICTED_FORMATS).format in PREDICTED_FORMATS


def test_the_scans_of_a_jpeg_are_counted() -> None:
    picture = Image.fromarray(pixels())
    written = encoded(picture, "JPEG", progressive=True)
    with Image.open(io.BytesIO(written)) as image:
        thumbnail = encoded(image.resize((9, 9)), "JPEG")
    header = read_header(encoded(picture, "JPEG", progressive=True, comment=thumbnail))
    assert header is not None
    assert header.scans == 10  # libjpeg's own script; the scan of the thumbnail stands before the frame
    assert read_header(jpeg((9, 9), scans=77, progressive=True)).scans == 77  # type: ignore[union-attr]


def test_only_the_first_frame_of_a_gif_is_decoded() -> None:
    frames = [Image.fromarray(np.full((20, 30), value, np.uint8)) for value in (10, 200, 90)]
    content = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], comment=b"a comment")
    header = check_image(content)
    assert header.animated
    first = header.first_image(content)
    assert len(first) < len(content)
    assert not check_image(first).animated
    with Image.open(io.BytesIO(first)) as image:
        assert getattr(image, "n_frames", 1) == 1
        assert np.unique(np.asarray(image.convert("L"))).tolist() == [10]
    cut = content[: header.end - 4 if header.end else 0]
    assert check_image(cut).first_image(cut) == cut


REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "pixels": (lambda: png((7_142, 7_142), pixels=b""), "has more than 51,000,000 pixels"),
    "a row": (lambda: png((1_000_000, 1), pixels=b""), "is 1,000,000 × 1 pixels, and a side may have 30,000"),
    "a column": (lambda: bmp((1, -70_000), 8), "is 1 × 70,000 pixels"),
    "bmp": (lambda: bmp((9_000, 9_000))[:100], "has more than 51,000,000 pixels"),
    "jpeg": (lambda: jpeg((65_000, 65_000))[:1_000], "has more than 51,000,000 pixels"),
    "webp": (lambda: webp((16_383, 16_383)), "has more than 51,000,000 pixels"),
    "tiff": (lambda: tiff((60_000, 60_000), compression=1), "has more than 51,000,000 pixels"),
    "screen": (lambda: gif((60_000, 60_000), [(1, 1)]), "has more than 51,000,000 pixels"),
    "frame": (lambda: gif((1, 1), [(25_000, 25_000)], coded=False), "has more than 51,000,000 pixels"),
    "comments": (
        lambda: gif((9, 9), [])[:-1] + b"!\xfe" + (b"\xff" + b"c" * 255) * 5_000 + b"\0,",
        "has 1,280,003 bytes of comments before its first frame",
    ),
    "scans": (lambda: jpeg((9, 9), scans=2_000, progressive=True), "is a JPEG with 2,000 scans: save it again"),
    "scanned": (lambda: jpeg((5_000, 5_000), scans=250, progressive=True), "is a JPEG with 250 scans"),
    "texts": (lambda: png((8, 8), after=png_chunk(b"zTXt", b"x") * 40), "contains 40 compressed texts or profiles"),
    "chunks": (lambda: png((8, 8), after=png_chunk(b"tEXt", b"") * 100_001), "has more than 100,000 parts"),
    "segments": (lambda: jpeg((8, 8))[:2] + b"\xff\xfe\0\2" * 100_001, "has more than 100,000 parts"),
    "surplus": (lambda: png((8, 8), pixels=zeros_deflated(2**33)), "contains more data than its size needs"),
    "memory": (lambda: webp((16_000, 3_000)), "needs 1,464 MiB of memory, and 800 MiB are allowed"),
    "jpeg in tiff": (lambda: tiff((8, 8), compression=7), "is a TIFF with the compression 7: save it with one of none"),
    "tile": (lambda: tiff((16, 16), tile=60_000), "MiB of memory, and 800 MiB are allowed"),
    "eps": (lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n", "is not an image in a supported format: supported are JPEG, PNG"),
    "ppm": (lambda: b"P6 1 1 255 abc", "is not an image in a supported format"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_bomb_is_refused(name: str) -> None:
    make, sentence = REFUSED[name]
    with pytest.raises(ImageRefusedError) as raised:
        open_image(make(), PREDICTED_FORMATS)
    assert sentence in str(raised.value)


def test_photos_of_cameras_and_panoramas_are_accepted() -> None:
    for size in ((8_688, 5_792), (30_000, 1_700)):
        header = check_image(jpeg(size, scans=10, progressive=True))
        assert (header.width, header.height) == size


def test_values_of_a_tiff_that_overlap_are_refused() -> None:
    content = tiff((9, 9))
    place = content.rindex(b"\x11\x01")  # the entry of the strips' places
    endless = content[:place] + b"\x11\x01\x04\x00" + (2**20).to_bytes(4, "little") + content[place + 8 :]
    with pytest.raises(ImageRefusedError, match="has a directory that is larger than the file"):
        check_image(endless, PREDICTED_FORMATS)


def test_each_door_takes_its_formats_alone() -> None:
    for content in (encoded(pixels(), "WEBP"), encoded(pixels(), "TIFF")):
        check_image(content, PREDICTED_FORMATS)
        with pytest.raises(ImageRefusedError, match="supported are JPEG, PNG, GIF, BMP"):
            check_image(content)
    with pytest.raises(ImageRefusedError, match="supported are PNG, GIF, BMP, TIFF"):
        check_image(encoded(pixels(), "WEBP"), MASK_FORMATS)


def test_a_png_that_hardly_compresses_is_no_bomb() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (1_300, 1_200, 3), np.uint8)
    assert check_image(encoded(noise, "PNG", compress_level=1)).height == 1_300
