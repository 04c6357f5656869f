"""The Python of docs/predict.md runs as it stands there."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.commands.predict import add_parser
from pipeline.prediction.segmenter import Segmenter
from tests.pipeline.prediction.odd_images import encoded, pixels

GUIDE = (Path(__file__).parents[3] / "docs/predict.md").read_text()


def test_the_guides_python_runs(
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


def test_the_guide_names_options_that_there_are() -> None:
    import argparse

    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())
    options = re.findall(r"`(--[a-z-]+)", GUIDE)
    assert len(set(options)) > 8
    for option in set(options) - {"--help"}:
        assert option in parser._subparsers._group_actions[0].choices["predict"]._option_string_actions  # type: ignore[union-attr]
