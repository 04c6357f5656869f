"""Small files that unpack to much cost at most 1 GiB beside an ordinary photo at every door, or are refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.fuzz.bombs import Bomb, bmp, gif, jpeg, png, png_chunk, zeros_deflated
from tests.fuzz.doors import DOORS, conversion, measured

if TYPE_CHECKING:
    from pathlib import Path

_GIBIBYTE = 1024  # mebibytes
EVERY, NAMED = "BOMBS_EVERY", "BOMBS_NAMED"
"""Environment variables: send every n-th file only, and those alone whose name contains a text."""

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


def test_a_pair_costs_little_more_memory_than_an_ordinary_one(tmp_path: Path) -> None:
    for line in measured(conversion(tmp_path), QUICK):
        assert "error: " not in str(line["outcome"]), line
        assert int(str(line["mebibytes"])) < _GIBIBYTE, line


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("door", DOORS)
def test_every_bomb_is_answered_or_refused_within_a_gibibyte(door: str, tmp_path: Path) -> None:
    every = os.environ.get(EVERY, "1")
    command = [sys.executable, "-m", "tests.fuzz.doors", door, str(tmp_path), every, os.environ.get(NAMED, "")]
    child = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    lines = [json.loads(line) for line in child.stdout.splitlines()]
    for key in ("seconds", "mebibytes"):
        worst = max(lines, key=lambda line: line[key])
        sys.stdout.write(f"{door}: {len(lines)} files, most {key}: {worst}\n")
    assert len(lines) >= 2_000 or every != "1"
    assert [line for line in lines if "error: " in line["outcome"]] == []
    assert [line for line in lines if line["mebibytes"] > _GIBIBYTE] == []
