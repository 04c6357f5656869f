"""Each kind of bad pair is reported with its file and advice."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from tfds_voc_seg.devkit.folders import Pair, PairError
from tfds_voc_seg.devkit.splits import read_splits
from tfds_voc_seg.record_config import RecordConfig
from tfds_voc_seg.records.encoding import PairEncoder

if TYPE_CHECKING:
    from collections.abc import Callable


def _mask(pair: Pair) -> Image.Image:
    with Image.open(pair.mask) as image:
        return image.copy()


def _truncate(path: str, share: float) -> None:
    content = Path(path).read_bytes()
    Path(path).write_bytes(content[: int(share * len(content))])


def _save_values(pair: Pair, *values: int) -> None:
    mask = np.zeros((_mask(pair).height, _mask(pair).width), np.uint8)
    mask.flat[: len(values)] = values
    Image.fromarray(mask).save(pair.mask)


def _png_header(width: int, height: int) -> bytes:
    """Returns a PNG file of a few hundred bytes whose header declares a huge image."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


def _text_as_photo(pair: Pair) -> None:
    Path(pair.photo).write_text("<html>404 Not Found</html>")


def _photo_cut_in_half(pair: Pair) -> None:
    _truncate(pair.photo, 0.5)


def _photo_without_its_end(pair: Pair) -> None:
    _truncate(pair.photo, 0.95)


def _photo_of_zeros(pair: Pair) -> None:
    Path(pair.photo).write_bytes(bytes(5000))


def _pdf_as_photo(pair: Pair) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (50, 50)).save(buffer, "PDF")
    Path(pair.photo).write_bytes(buffer.getvalue())


def _decompression_bomb_as_photo(pair: Pair) -> None:
    Path(pair.photo).write_bytes(_png_header(60_000, 60_000))


def _decompression_bomb_as_mask(pair: Pair) -> None:
    Path(pair.mask).write_bytes(_png_header(60_000, 60_000))


def _large_photo(pair: Pair) -> None:
    Path(pair.photo).write_bytes(_png_header(10_000, 6_000))


def _text_as_mask(pair: Pair) -> None:
    Path(pair.mask).write_text("no mask")


def _mask_cut_in_half(pair: Pair) -> None:
    _truncate(pair.mask, 0.5)


def _rgb_mask(pair: Pair) -> None:
    Image.new("RGB", _mask(pair).size, (1, 2, 3)).save(pair.mask)


def _rgba_mask(pair: Pair) -> None:
    Image.new("RGBA", _mask(pair).size, (1, 2, 3, 4)).save(pair.mask)


def _one_bit_mask(pair: Pair) -> None:
    _mask(pair).convert("1").save(pair.mask)


def _sixteen_bit_mask(pair: Pair) -> None:
    Image.fromarray(np.full((_mask(pair).height, _mask(pair).width), 300, np.uint16)).save(pair.mask)


def _mask_with_class_21(pair: Pair) -> None:
    _save_values(pair, 21)


def _mask_with_many_unknown_values(pair: Pair) -> None:
    _save_values(pair, *range(30, 60))


def _mask_with_luminance(pair: Pair) -> None:
    _mask(pair).convert("L").save(pair.mask)  # the colours as grey values


def _wider_mask(pair: Pair) -> None:
    _mask(pair).resize((_mask(pair).width + 1, _mask(pair).height)).save(pair.mask)


def _rotated_mask(pair: Pair) -> None:
    Image.new("P", (_mask(pair).height + 3, _mask(pair).width)).save(pair.mask)


def _void_mask(pair: Pair) -> None:
    _save_values(pair)
    Image.new("L", _mask(pair).size, 255).save(pair.mask)


BAD: list[tuple[Callable[[Pair], None], str, str]] = [
    (
        _text_as_photo,
        "photo",
        "cannot be decoded as a photo (it is not an image in a supported format: supported are JPEG",
    ),
    (_photo_cut_in_half, "photo", "cannot be decoded as a photo"),
    (_photo_without_its_end, "photo", "cannot be decoded as a photo"),
    (
        _photo_of_zeros,
        "photo",
        "cannot be decoded as a photo (it is not an image in a supported format: supported are JPEG",
    ),
    (
        _pdf_as_photo,
        "photo",
        "cannot be decoded as a photo (it is not an image in a supported format: supported are JPEG",
    ),
    (_decompression_bomb_as_photo, "photo", "has more than 51,000,000 pixels"),
    (_large_photo, "photo", "has more than 51,000,000 pixels"),
    (_decompression_bomb_as_mask, "mask", "has more than 51,000,000 pixels"),
    (_text_as_mask, "mask", "cannot be read as a mask (it is not an image in a supported format: supported are PNG"),
    (_mask_cut_in_half, "mask", "cannot be read as a mask"),
    (_rgb_mask, "mask", "contains the colours (1, 2, 3); the colours of the classes are (0, 0, 0), (128, 0, 0)"),
    (_rgba_mask, "mask", "contains the colours (1, 2, 3)"),
    (_one_bit_mask, "mask", "has one bit per pixel, but the label set has 21 classes"),
    (_sixteen_bit_mask, "mask", "contains the values 300; a mask contains class ids 0 to 20, and 255 for void"),
    (_mask_with_class_21, "mask", "contains the values 21; a mask contains class ids 0 to 20, and 255 for void"),
    (_mask_with_many_unknown_values, "mask", "contains the values 30, 31, 32, 33, 34, 35, 36, 37, …"),
    (_mask_with_luminance, "mask", "contains the values "),
    (_wider_mask, "mask", "pixels but its photo is"),
    (_rotated_mask, "mask", "pixels but its photo is"),
    (_void_mask, "mask", "contains only void pixels; label it or remove the id from the list"),
]


@pytest.mark.parametrize(("damage", "damaged", "message"), BAD, ids=[damage.__name__ for damage, _, _ in BAD])
def test_a_bad_pair_is_reported(
    damage: Callable[[Pair], None], damaged: str, message: str, own_devkit: Path, recwarn: pytest.WarningsRecorder
) -> None:
    pair = read_splits(own_devkit)["train"].pairs[0]
    damage(pair)
    with pytest.raises(PairError) as caught:
        PairEncoder(RecordConfig(32, ("car",)))(pair)
    (problem,) = caught.value.problems
    assert problem.image_id == pair.image_id
    assert problem.file == getattr(pair, damaged)
    assert message in f"{problem.what}; {problem.advice}"
    assert problem.advice
    assert not [warning for warning in recwarn if "DecompressionBomb" in str(warning.category)]


def test_unusual_but_valid_pairs_are_accepted(own_devkit: Path) -> None:
    encoder = PairEncoder(RecordConfig(32, ("car",)))
    pairs = read_splits(own_devkit)["train"].pairs
    _mask(pairs[0]).point(lambda value: value, "L").save(pairs[0].mask)  # the same ids in a grey PNG
    with Image.open(pairs[1].photo) as photo:
        photo.convert("L").save(pairs[1].photo)  # a grey photo
    with Image.open(pairs[2].photo) as photo:
        photo.save(pairs[2].photo, "PNG")  # a PNG with the suffix .jpg
    for pair in pairs[:3]:
        assert encoder(pair)
