"""The report in a real headless Chromium, in light and dark, on a phone and on a desk; skipped where there is none."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pipeline.report.page import write_report
from tests.pipeline.made_run import CLASS_NAMES, write_whole_run
from tfds_voc_seg.labels import VOC_CLASSES

TOOLS = Path(__file__).parents[1] / "browser"
WIDTHS, SCHEMES = (360, 1280), ("light", "dark")


def _program(*names: str) -> str:
    for name in names:
        if found := shutil.which(name):
            return found
    pytest.skip(f"{names[0]} is not installed (Debian: apt-get install {names[0]})")


@pytest.fixture(scope="module")
def check(request: pytest.FixtureRequest) -> Any:
    """Opens a page in every view; gives what was found, and leaves screenshots and the printed page in a folder."""
    chromium, node, npm = _program("chromium", "chromium-browser"), _program("nodejs", "node"), _program("npm")
    assert request.config.cache is not None
    cache = request.config.cache.mkdir("browser")
    for file in TOOLS.iterdir():
        if file.is_file():
            shutil.copy(file, cache)
    # `npm ci` installs what package-lock.json says, by its hashes; packages that npm has already cost no download.
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
    try:
        installed = subprocess.run(command, cwd=cache, capture_output=True, text=True, check=False, timeout=180)
    except subprocess.TimeoutExpired:
        pytest.skip("npm did not answer in time: axe-core and playwright-core could not be installed")
    if installed.returncode:
        pytest.skip(f"axe-core and playwright-core could not be installed: {installed.stderr.strip()[-300:]}")

    def run(page: Path, folder: Path) -> list[dict[str, Any]]:
        command = [node, str(cache / "check_page.mjs"), chromium, str(page), str(folder)]
        finished = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        assert finished.returncode == 0, finished.stderr
        return json.loads(finished.stdout)

    return run


@pytest.mark.parametrize("class_names", [CLASS_NAMES, VOC_CLASSES], ids=["few_classes", "all_of_voc"])
def test_the_report_is_sound_in_a_browser(check: Any, tmp_path: Path, class_names: tuple[str, ...]) -> None:
    write_whole_run(tmp_path / "run", class_names=class_names)
    views = check(write_report(tmp_path / "run"), tmp_path)
    assert [(view["width"], view["colorScheme"]) for view in views] == [
        (width, scheme) for width in WIDTHS for scheme in SCHEMES
    ]
    for view in views:
        assert view["console"] == []
        assert view["requests"] == []
        assert view["broken_images"] == 0
        assert view["violations"] == []
        assert view["page_width"] <= view["width"], "the page scrolls sideways"
        assert view["page_width_opened"] <= view["width"], "the page scrolls sideways once all is opened"
        assert view["first_focus"] == "Skip to the report"
        assert view["unreachable"] == [], "boxes that scroll, but take no focus"
    assert (tmp_path / "print.pdf").read_bytes().startswith(b"%PDF")
    for width in WIDTHS:
        pictures = [(tmp_path / f"{width}-{scheme}.png").read_bytes() for scheme in SCHEMES]
        assert pictures[0] != pictures[1]


def test_a_page_that_is_not_sound_is_found_out(check: Any, tmp_path: Path) -> None:
    page = tmp_path / "index.html"
    page.write_text(
        "<!doctype html><title>x</title><body style='color:#bbb;background:#fff'><h1>pale</h1>"
        "<img src='missing.png'><div style='width:2000px'>wide</div><script>nothing()</script>"
        "<div style='overflow:auto;width:90px'><p style='width:300px'>scrolls</div>"
    )
    for view in check(page, tmp_path):
        assert any("nothing is not defined" in message for message in view["console"])
        assert any(request.endswith("missing.png") for request in view["requests"])
        assert view["broken_images"] == 1
        rules = {violation.partition(":")[0] for violation in view["violations"]}
        assert {"color-contrast", "image-alt", "html-has-lang"} <= rules
        assert view["page_width"] > view["width"]
        assert len(view["unreachable"]) == 1
