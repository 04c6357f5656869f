"""The Python example and the options of docs/predict.md work as written."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from pipeline.cli import main
from tests.pipeline.prediction.odd_images import encoded, pixels

if TYPE_CHECKING:
    from pipeline.prediction.segmenter import Segmenter

GUIDE = (Path(__file__).parents[3] / "docs/predict.md").read_text()


def test_the_python_example_runs(
    segmenter: Segmenter, run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    shutil.copytree(run_folder, tmp_path / "runs/demo")
    (tmp_path / "photo.jpg").write_bytes(encoded(pixels(60, 90), "JPEG"))
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(block, names)
    np.testing.assert_array_equal(names["class_map"], segmenter(tmp_path / "photo.jpg").class_map)
    assert names["probabilities"].shape == (60, 90, len(segmenter.class_names))
    assert names["class_maps"].shape == (4, 180, 320)
    with Image.open("mask.png") as mask, Image.open("overlay.png") as overlay:
        np.testing.assert_array_equal(np.asarray(mask), names["class_map"])
        assert overlay.width == 90


def test_the_options_in_the_guide_exist(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["predict", "--help"])
    existing = set(re.findall(r"--[a-z-]+", capsys.readouterr().out))
    options = set(re.findall(r"`(--[a-z-]+)", GUIDE))
    assert len(options) > 8
    assert options <= existing
