"""Small files that unpack to much cost at most 1 GiB beside an ordinary photo and 10 s at each door, or are refused."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.fuzz.bombs import LARGEST, Bomb
from tests.fuzz.image_files import bmp, exif, gif, jpeg, png, png_chunk, zeros_deflated
from tests.fuzz.measuring import MOST_MEBIBYTES, measured

if TYPE_CHECKING:
    from pathlib import Path

EVERY, MATCHING = "BOMBS_EVERY", "BOMBS_MATCHING"
"""Environment variables: send every n-th file only, and those alone whose name matches a regular expression."""

SERVER = "saved_model"
COMMANDS = "conversion,evaluation,predict,demo"
"""Doors that share a process; servers configure theirs in another way than commands."""

QUICK = [
    Bomb("wide", png((1_000_000, 1)), (1_000_000, 1)),
    Bomb("high", png((1, 20_000_000)), (1, 20_000_000)),
    Bomb("longest side", png((30_000, 1)), (30_000, 1)),
    Bomb("transparent, 16 bits", png((3_000, 1_000), 16, 6, interlaced=True), (3_000, 1_000)),
    Bomb("texts", png((8, 8), before=png_chunk(b"zTXt", b"a\0\0" + zeros_deflated(7_900_000)) * 200), (8, 8)),
    Bomb("surplus", png((1, 1), pixels=zeros_deflated(20 * 2**30)), (1, 1)),
    Bomb("pixels", png((25_000, 25_000)), (25_000, 25_000)),
    Bomb("scans", jpeg((3_000, 2_000), scans=999, progressive=True), (3_000, 2_000)),
    Bomb("coefficients", jpeg((3_000, 2_000), scans=9, progressive=True), (3_000, 2_000)),
    Bomb("frame", gif((1, 1), [(25_000, 25_000)]), (25_000, 25_000)),
    Bomb("frames", gif((900, 900), [(1_000, 1_000)] * 900), (1_000, 1_000)),
    Bomb("rows", bmp((1, -7_000_000)), (1, 7_000_000)),
    Bomb("cut", png((30_000, 1_600))[:60_000], (30_000, 1_600)),
]


LARGEST_PHOTOS = [
    Bomb("png", png(LARGEST[0], 16, 6, interlaced=True), LARGEST[0]),
    Bomb("wide png", png(LARGEST[1], 8, 6, before=png_chunk(b"eXIf", exif(7))), LARGEST[1][::-1]),
    Bomb("jpeg", jpeg(LARGEST[0], scans=19, progressive=True), LARGEST[0]),
    Bomb("turned jpeg", jpeg(LARGEST[0], orientation=7, scans=10, progressive=True), LARGEST[0][::-1]),
]


def test_a_pair_is_read_with_a_gibibyte_more_than_an_ordinary_one(tmp_path: Path) -> None:
    outcomes = {}
    for _, measurement in measured(["conversion"], tmp_path, QUICK, limited=True):
        assert measurement.mebibytes <= MOST_MEBIBYTES, measurement
        assert "error: " not in measurement.outcome, measurement
        outcomes[measurement.name] = measurement.outcome
    for allowed, mask in (("longest side", "30000×1"), ("transparent, 16 bits", "3000×1000")):
        assert outcomes[allowed].startswith("answered / refused: ")
        assert f"is {mask} pixels but its photo is 500×375" in outcomes[allowed]
    assert all(outcomes[name].startswith("refused") for name in ("pixels", "surplus", "frame"))


@pytest.mark.slow
@pytest.mark.parametrize("door", [*COMMANDS.split(","), "predict_tta", SERVER])
def test_the_largest_photos_are_answered_with_a_gibibyte_more_than_an_ordinary_one(door: str, tmp_path: Path) -> None:
    measurements = [measurement for _, measurement in measured([door], tmp_path, LARGEST_PHOTOS, limited=True)]
    assert len(measurements) == len(LARGEST_PHOTOS)
    for measurement in measurements:
        assert measurement.outcome.startswith("answered"), measurement
        assert measurement.mebibytes <= MOST_MEBIBYTES, measurement


@pytest.mark.slow
@pytest.mark.timeout(4 * 3600)
@pytest.mark.parametrize("doors", [COMMANDS, SERVER])
def test_every_bomb_is_answered_or_refused_within_the_bound(doors: str, tmp_path: Path) -> None:
    every, pattern = os.environ.get(EVERY, "1"), os.environ.get(MATCHING, "")
    command = [sys.executable, "-m", "tests.fuzz.measuring", doors, str(tmp_path), every, pattern]
    measuring = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    sys.stdout.write(measuring.stdout)
    assert measuring.returncode == 0, measuring.stdout[-3000:]
    for door in doors.split(","):
        assert len((tmp_path / f"{door}.jsonl").read_text().splitlines()) >= (
            2_000 if (every, pattern) == ("1", "") else 1
        )
