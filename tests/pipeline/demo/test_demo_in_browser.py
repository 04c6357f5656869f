"""The demo in a real headless Chromium, served by the command itself; skipped where there is no Chromium."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.browser.tools import Browser
from tests.pipeline.demo.models import picture

PERSON, CAR = (192, 128, 128), (128, 128, 128)
RED, BLUE = (220, 40, 40), (40, 40, 230)


@pytest.fixture(scope="module")
def found(
    request: pytest.FixtureRequest, colour_models: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> Any:
    """What a visitor met; the screenshots are in `found["folder"]`."""
    browser, folder = Browser(request.config), tmp_path_factory.mktemp("demo")
    Image.fromarray(picture()).save(folder / "picture.png")
    (folder / "foreign.txt").write_text("no picture")
    (folder / "large.png").write_bytes(bytes(2**20 + 1))
    command = [sys.executable, "-m", "pipeline.cli", "demo", *map(str, colour_models)]
    command += ["--port", "0", "--max-upload-mb", "1"]
    # Ctrl-C must reach it also where this process ignores it, as a shell's background jobs do.
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
    )
    try:
        assert process.stdout is not None
        address = next(
            match[1] for line in process.stdout if (match := re.search(r"open (http://127\.0\.0\.1:\d+/)", line))
        )
        met = browser.run("check_demo.mjs", address, str(folder))
    finally:
        process.send_signal(signal.SIGINT)
        status = process.wait(timeout=30)
    assert status == 130
    return {**met, "folder": folder}


def near(colours: Any, *expected: tuple[int, int, int]) -> bool:
    return bool(np.abs(np.array(colours) - np.array(expected)).max() <= 2)


def test_it_is_sound_in_every_view(found: Any) -> None:
    assert len(found["views"]) == 4
    for view in found["views"]:
        assert view["console"] == []
        assert view["elsewhere"] == []
        assert view["violations"] == []
        assert view["page_width"] <= view["width"], "the page scrolls sideways"


def test_a_picture_is_shown_with_its_classes(found: Any) -> None:
    used = found["used"]
    assert used["said"] == {"text": "picture.png, 160 × 120 pixels: person, car.", "bad": False}
    assert [re.sub(r"\s+", " ", text) for text in used["classes"]][2:] == ["dog"]
    assert re.fullmatch(r"(car|person)\s+1\d\.\d % \| –", used["classes"][0])
    assert used["page_console"] == []
    assert used["dropped"]["text"].startswith("dropped.png, 160 × 120 pixels")
    assert used["sample"]["text"].startswith("the sample ")
    assert not used["sample"]["bad"]
    assert used["pointed"] == "colours: person   ·   blind: background"


def test_strength_and_line(found: Any) -> None:
    used = found["used"]
    # Left of the line the model that sees, right of it the blind one.
    assert near(used["no_strength"], RED, BLUE)
    assert near(used["full_strength"], PERSON, BLUE)
    assert near(used["half"], tuple(round((a + b) / 2) for a, b in zip(PERSON, RED, strict=True)), BLUE)
    assert near(used["all_right"], RED, BLUE)
    assert near(used["all_left"], PERSON, CAR)
    assert near(used["by_keyboard"], RED, BLUE)
    assert near(used["picture_alone"], RED, BLUE)
    assert used["dragged_to"] == "90"


def test_classes_are_switched_off_and_on(found: Any) -> None:
    used = found["used"]
    assert near(used["without_person"], RED, BLUE)
    assert near(used["without_all"], RED, BLUE)
    assert near(used["with_all"], PERSON, BLUE)
    saved = np.asarray(Image.open(found["folder"] / "saved.png").convert("RGB"))
    assert saved.shape == (120, 160, 3)
    assert near(saved[60, [40, 120]], PERSON, BLUE)


def test_bad_files_are_answered_with_a_sentence(found: Any) -> None:
    used = found["used"]
    assert used["foreign"] == {"text": "The image is not an image of a format that can be read.", "bad": True}
    assert used["large"] == {"text": "large.png is larger than 1 MB, which is what this page takes.", "bad": True}
    assert not used["after_errors"]["bad"]
