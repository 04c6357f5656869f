"""For a huge photo in tiles, memory holds the scores of one row of tiles, not those of the whole photo."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

if TYPE_CHECKING:
    from pathlib import Path

WIDTH, HEIGHT, CLASSES, TILE = 3000, 4800, 21, 500

_PROGRAM = """
import sys
from benchmarks.measuring.memory import peak_memory_of_process
from pipeline.cli import main

model, small, huge, output = sys.argv[1:]
arguments = ["--output", output, "--tile", "--tile-size", "500", "--batch", "1"]
assert main(["predict", model, small, *arguments]) == 0
before = peak_memory_of_process()
assert main(["predict", model, huge, *arguments]) == 0
print(peak_memory_of_process() - before)
"""


@pytest.mark.slow
def test_memory_is_limited_to_a_row_of_tiles(run_folder: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 256, (48, 30, 3), np.uint8))
    coarse.resize((WIDTH, HEIGHT)).save(tmp_path / "huge.png", compress_level=1)
    coarse.resize((600, 600)).save(tmp_path / "small.png")
    files = [run_folder, tmp_path / "small.png", tmp_path / "huge.png", tmp_path / "out"]
    finished = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *map(str, files)], capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
    grown = float(finished.stdout.splitlines()[-1]) * 1e9
    row = TILE * WIDTH * CLASSES * 4
    photo = HEIGHT * WIDTH * 3
    assert grown < 2.5 * row + 4 * photo < HEIGHT * WIDTH * CLASSES * 4 / 2, f"{grown / 1e6:.0f} MB more"
    with Image.open(tmp_path / "out/class_maps/huge.png") as mask:
        assert mask.size == (WIDTH, HEIGHT)
        assert len(np.unique(np.asarray(mask))) > 2
