"""The report in a real headless Chromium, in light and dark, on a phone and on a desk; skipped where there is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.report.page import write_report
from tests.browser.tools import Browser
from tests.pipeline.made_run import CLASS_NAMES, write_whole_run
from tfds_voc_seg.labels import VOC_CLASSES

WIDTHS, SCHEMES = (360, 1280), ("light", "dark")


@pytest.fixture(scope="module")
def check(request: pytest.FixtureRequest) -> Any:
    """Opens a page in every view; gives what was found, and leaves screenshots and the printed page in a folder."""
    browser = Browser(request.config)

    def run(page: Path, folder: Path) -> list[dict[str, Any]]:
        return browser.run("check_page.mjs", str(page), str(folder))

    return run


@pytest.mark.parametrize(
    "class_names",
    [
        pytest.param(CLASS_NAMES, id="few_classes"),
        pytest.param(VOC_CLASSES, id="all_of_voc", marks=pytest.mark.slow),
    ],
)
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
