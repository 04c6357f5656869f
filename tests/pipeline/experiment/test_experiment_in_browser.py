"""The page of an experiment in headless Chromium; skipped if there is no Chromium."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from etils import epath
from PIL import Image

from pipeline.experiment.crops import border_crop
from pipeline.experiment.figures import Arm
from pipeline.experiment.page import Experiment, experiment_page
from pipeline.report.detector import read_detector
from tests.browser.tools import Browser
from tests.pipeline.made_artifacts import write_detector_run
from tfds_voc_seg.label_set import label_set_of_names

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ["background", "dog", "person"]


def arm_with(name: str, rise: float) -> Arm:
    curves = [[1 - 0.9 * (1 - rise) ** epoch - 0.01 * seed for epoch in range(12)] for seed in range(3)]
    histories = [{"val_mean_iou": c, "val_accuracy": c, "val_loss": [2 * (1 - value) for value in c]} for c in curves]
    best = [max(curve) for curve in curves]
    return Arm(name, 64, histories, best, [best[0] - 0.05, best[0]], best, [0.8, 0.9], best, best)


@pytest.fixture
def experiment(tmp_path: Path) -> Experiment:
    arms = [arm_with(name, 0.1 * place) for place, name in enumerate(("fcn8", "fcn8_transfer", "fcn4", "unet"), 1)]
    random = np.random.default_rng(0)
    truth = np.zeros((64, 64), np.uint8)
    truth[20:50, 10:40] = 1
    folder = tmp_path / "2012_100007"
    folder.mkdir()
    Image.fromarray(random.integers(0, 255, (64, 64, 3), np.uint8)).save(folder / "photo.png")
    for number, name in enumerate(("truth", *(arm.name for arm in arms))):
        Image.fromarray(np.roll(truth, number, axis=0), "L").save(folder / f"{name}.png")
    crop = border_crop(epath.Path(folder), {arm.name: arm.name for arm in arms}, label_set_of_names(NAMES))
    write_detector_run(tmp_path / "detector_run")
    detector = read_detector(epath.Path(tmp_path / "detector_run"))
    return Experiment(arms, [0, 1, 2], [crop] * 2, detector, [{"name": "made", "training": {"epochs": 12}}])


def test_the_page_is_valid_and_accessible_in_a_browser(
    experiment: Experiment, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    page = tmp_path / "experiment.html"
    page.write_text(experiment_page(experiment), encoding="utf-8")
    for view in Browser(request.config).run("check_page.mjs", str(page), str(tmp_path)):
        assert view["console"] == []
        assert view["requests"] == []
        assert view["broken_images"] == 0
        assert view["violations"] == []
        assert view["page_width"] <= view["width"], "the page scrolls sideways"
        assert view["first_focus"] == "Skip to the page"
        assert view["unreachable"] == [], "scrolling boxes without keyboard focus"
