"""The demo in a headless Chromium, served by the command; skipped if Chromium is not installed."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from tests.browser.tools import Browser
from tests.pipeline.demo.models import picture

if TYPE_CHECKING:
    from pathlib import Path

PERSON, CAR = (192, 128, 128), (128, 128, 128)
RED, BLUE = (220, 40, 40), (40, 40, 230)
HALF_PERSON = (206, 84, 84)  # PERSON with an opacity of 0.5 over RED


@pytest.fixture(scope="module")
def found(
    request: pytest.FixtureRequest, colour_models: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> Any:
    """The observations of check_demo.mjs; the screenshots are in `found["folder"]`."""
    browser, folder = Browser(request.config), tmp_path_factory.mktemp("demo")
    Image.fromarray(picture()).save(folder / "picture.png")
    (folder / "text.txt").write_text("not a picture")
    (folder / "large.png").write_bytes(bytes(2**20 + 1))
    command = [sys.executable, "-m", "pipeline.cli", "demo", *map(str, colour_models)]
    command += ["--port", "0", "--max-upload-mb", "1"]
    # The command must handle SIGINT even if this process ignores it, like background jobs of a shell.
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
    )
    try:
        assert process.stdout is not None
        address = next(
            match[1] for line in process.stdout if (match := re.search(r"open (http://127\.0\.0\.1:\d+/)", line))
        )
        observations = browser.run("check_demo.mjs", address, str(folder))
    finally:
        process.send_signal(signal.SIGINT)
        status = process.wait(timeout=30)
    assert status == 130
    return {**observations, "folder": folder}


def near(colours: Any, *expected: tuple[int, int, int]) -> bool:
    return bool(np.abs(np.array(colours) - np.array(expected)).max() <= 2)


def test_views_have_no_errors_requests_or_accessibility_violations(found: Any) -> None:
    assert len(found["views"]) == 4
    for view in found["views"]:
        assert view["console"] == []
        assert view["other_requests"] == []
        assert view["violations"] == []
        assert view["page_width"] <= view["width"], "the page scrolls sideways"


def test_a_segmented_picture_is_shown_with_its_classes(found: Any) -> None:
    used = found["used"]
    assert used["status"] == {"text": "picture.png, 160 × 120 pixels: person, car.", "error": False}
    assert [re.sub(r"\s+", " ", text) for text in used["classes"]][2:] == ["dog"]
    assert re.fullmatch(r"(car|person)\s+1\d\.\d % \| –", used["classes"][0])
    assert used["page_console"] == []
    assert used["dropped"]["text"].startswith("dropped.png, 160 × 120 pixels")
    assert used["sample"]["text"].startswith("the sample ")
    assert not used["sample"]["error"]
    assert used["pointer_class"] == "colours: person   ·   blind: background"


def test_opacity_and_line(found: Any) -> None:
    used = found["used"]
    # Left of the line is the model that recognises colours, right of it the model that predicts background only.
    assert near(used["zero_opacity"], RED, BLUE)
    assert near(used["full_opacity"], PERSON, BLUE)
    assert near(used["half_opacity"], HALF_PERSON, BLUE)
    assert near(used["line_at_left_edge"], RED, BLUE)
    assert near(used["line_at_right_edge"], PERSON, CAR)
    assert near(used["by_keyboard"], RED, BLUE)
    assert near(used["original_picture"], RED, BLUE)
    assert used["dragged_to"] == "90"


def test_classes_are_hidden_and_shown(found: Any) -> None:
    used = found["used"]
    assert near(used["without_person"], RED, BLUE)
    assert near(used["without_all"], RED, BLUE)
    assert near(used["with_all"], PERSON, BLUE)
    saved = np.asarray(Image.open(found["folder"] / "saved.png").convert("RGB"))
    assert saved.shape == (120, 160, 3)
    assert near(saved[60, [40, 120]], PERSON, BLUE)


def test_unusable_files_are_reported(found: Any) -> None:
    used = found["used"]
    sentence = "The image is not an image in a supported format: supported are JPEG, PNG, GIF, BMP, WEBP, TIFF."
    assert used["text_file"] == {"text": sentence, "error": True}
    assert used["large_file"] == {"text": "large.png is larger than 1 MB, the limit of this page.", "error": True}
    assert not used["after_errors"]["error"]
