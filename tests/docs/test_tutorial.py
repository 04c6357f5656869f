"""The tutorial and the README work as they are written, in a fresh folder."""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from tests.docs.pages import PROJECT, Block, blocks_of
from tests.docs.shell import run_blocks

if TYPE_CHECKING:
    from pathlib import Path

SHORT = " ".join(
    f"--set {setting}"
    for setting in (
        "training.epochs=1",
        "candidates.unet.training.epochs=1",
        "sample.train_images=12",
        "sample.val_images=6",
        "selection.publish_background_only=true",
    )
)
"""Added to each `vocseg run` of the README, whose trainings take hours on real data; the tutorial's run in full."""

NOT_RUN = {
    "make test": "the tests run themselves",
    "vocseg demo": "it serves until it is stopped",
    "clip.mp4": "the tests of tests/pipeline/prediction/video predict videos",
}
"""Lines of the README's commands that are left out, and why."""


@pytest.mark.slow
def test_the_tutorial_works(tmp_path: Path) -> None:
    blocks = blocks_of("docs/tutorial.md")
    assert sum(block.language == "bash" and not block.skip for block in blocks) >= 8
    run_blocks(blocks, tmp_path)
    assert (tmp_path / "runs/fruit/report/index.html").is_file()
    assert len(list((tmp_path / "predictions/overlays").iterdir())) == 2


def _prepared(folder: Path) -> None:
    """Writes what the README's commands presume: photos and masks, VOC's devkit, and a second run."""
    devkit = folder / "VOCdevkit/VOC2012"
    command = [sys.executable, "-m", "pipeline.cli", "data", "sample", str(devkit), "--train", "30", "--val", "10"]
    subprocess.run(command, check=True, capture_output=True)
    photos = sorted((devkit / "JPEGImages").iterdir())
    shutil.copy(photos[0], folder / "photo.jpg")
    for name in ("holiday", "photos_and_masks"):
        (folder / name).mkdir()
    shutil.copy(photos[1], folder / "holiday")
    for number, photo in enumerate(photos[:10]):
        shutil.copy(photo, folder / f"photos_and_masks/{number}.jpg")
        with Image.open(photo) as image:
            mask = np.zeros((image.height, image.width), np.uint8)
        mask[mask.shape[0] // 2 :] = 1  # road
        mask[: mask.shape[0] // 4] = 2  # car
        Image.fromarray(mask).save(folder / f"photos_and_masks/{number}.png")


def _as_typed(block: Block, version: str) -> Block:
    """Returns a block of the README with the names of this run, short trainings, and without the lines of `NOT_RUN`."""
    lines = [line for line in block.text.splitlines() if not any(part in line for part in NOT_RUN)]
    text = "\n".join(lines).replace("make run", "vocseg run").replace("1735689600", version)
    if block.language != "python":
        text = re.sub(r"^(vocseg run[^#\n]*)", rf"\1 {SHORT} ", text, flags=re.MULTILINE)
    return dataclasses.replace(block, text=f"{text}\n")


@pytest.mark.slow
def test_the_readme_works(tmp_path: Path) -> None:
    _prepared(tmp_path)
    quick_start, *others = [block for block in blocks_of("README.md") if "tfds.load" not in block.text]
    run_blocks([_as_typed(quick_start, "")], tmp_path)
    serving = tmp_path / "runs/demo/serving"
    (published,) = [folder.name for folder in serving.iterdir() if folder.name.isdigit()]
    older = str(int(published) - 1)  # what `vocseg rollback` returns to
    shutil.copytree(serving / published, serving / older)
    settings = [block for block in others if block.language == "yaml"]  # mine.yaml, before the command that reads it
    run_blocks([*settings, *(_as_typed(block, older) for block in others if block not in settings)], tmp_path)
    assert (tmp_path / "runs/mine/summary.json").is_file()
    assert (tmp_path / "figures/evaluation.json").is_file()
    assert (tmp_path / "predictions/class_maps/photo.png").is_file()
    network = "from components.networks.contract import check_network; check_network('my_networks:build', width=32)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(PROJECT), str(tmp_path)])}
    subprocess.run([sys.executable, "-c", network], cwd=tmp_path, env=environment, check=True, capture_output=True)
