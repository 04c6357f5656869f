"""The targets in the report: their figures, the reasons for refusing one, and nothing if the run exports none."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any

from pipeline.report.page import make_page

if TYPE_CHECKING:
    from pipeline.report.contents import RunContents

MEASURED = {"bytes": 3 * 2**20, "latency_seconds": 0.0123, "peak_memory_bytes": 100 * 2**20}
TARGETS: dict[str, Any] = {
    "split": "val",
    "max_target_loss": 0.01,
    "threads": 2,
    "saved_model": {"mean_iou": 0.71234, **MEASURED},
    "targets": {
        "litert": {
            "published": True,
            "reason": None,
            "mean_iou": 0.71234,
            "difference": 0.0,
            "difference_interval": [-0.001, 0.001],
            "agreement": 0.99987,
            **MEASURED,
        },
        "onnx": {"published": False, "reason": "it cannot be <converted>"},
    },
}


def text_of(page: str) -> str:
    section = page[page.index('<section id="targets"') : page.index('<section id="lineage"')]
    return " ".join(re.sub(r"<[^>]+>", " ", section).split())


def test_the_targets_are_listed_with_their_figures(contents: RunContents) -> None:
    text = text_of(make_page(dataclasses.replace(contents, targets=TARGETS)))
    assert "litert passed 0.712 0.0000 −0.001 to 0.001 99.99 % 3.00 MiB 12.3 ms 100 MiB" in text
    assert "onnx refused – – – – – –" in text
    assert "onnx : it cannot be &lt;converted&gt;." in text
    assert "lose more than 0.010 of mean IoU" in text


def test_without_a_published_model_the_reason_is_shown(contents: RunContents) -> None:
    targets = {"not_exported": "no model is published, so none is exported", "targets": {}}
    text = text_of(make_page(dataclasses.replace(contents, targets=targets)))
    assert text == "Targets no model is published, so none is exported."


def test_a_run_without_targets_has_no_such_section(contents: RunContents) -> None:
    assert 'id="targets"' not in make_page(contents)
