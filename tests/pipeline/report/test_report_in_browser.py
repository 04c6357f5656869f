"""The report in headless Chromium: light and dark, narrow and wide; skipped if there is no Chromium."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.report.page import write_report
from tests.browser.tools import Browser
from tests.pipeline.made_artifacts import CLASS_NAMES
from tests.pipeline.made_run import write_whole_run
from tfds_voc_seg.labels import VOC_CLASSES

if TYPE_CHECKING:
    from pathlib import Path

Check = Callable[["Path", "Path"], list[dict[str, Any]]]

WIDTHS, SCHEMES = (360, 1280), ("light", "dark")


@pytest.fixture(scope="module")
def check(request: pytest.FixtureRequest) -> Check:
    """Opens a page in every view; returns the findings, and writes screenshots and the printed page to a folder."""
    browser = Browser(request.config)

    def run(page: Path, folder: Path) -> list[dict[str, Any]]:
        views: list[dict[str, Any]] = browser.run("check_page.mjs", str(page), str(folder))
        return views

    return run


@pytest.mark.parametrize(
    "class_names",
    [
        pytest.param(CLASS_NAMES, id="few_classes"),
        pytest.param(VOC_CLASSES, id="all_of_voc", marks=pytest.mark.slow),
    ],
)
def test_the_report_is_valid_and_accessible_in_a_browser(
    check: Any, tmp_path: Path, class_names: tuple[str, ...]
) -> None:
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
        assert view["page_width_opened"] <= view["width"], "the page scrolls sideways with all details open"
        assert view["first_focus"] == "Skip to the report"
        assert view["unreachable"] == [], "scrolling boxes without keyboard focus"
    assert (tmp_path / "print.pdf").read_bytes().startswith(b"%PDF")
    for width in WIDTHS:
        pictures = [(tmp_path / f"{width}-{scheme}.png").read_bytes() for scheme in SCHEMES]
        assert pictures[0] != pictures[1]


def test_the_check_finds_the_errors_of_a_bad_page(check: Check, tmp_path: Path) -> None:
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
