"""The table of the data validation's findings in the terminal."""

from __future__ import annotations

import io

from rich.console import Console

from pipeline.display.tables import findings_table


def test_long_findings_are_shown_in_full() -> None:
    what = "class [car] occurs in none of the 60 images, " + "so it cannot be learned or measured; " * 4
    finding = {"split": "val", "feature": "classes", "class": "car", "what": what, "severity": "error"}
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(findings_table({"anomalies": [finding]}), soft_wrap=True)  # as the display prints
    shown = console.export_text()
    assert "Findings in the data" in shown
    assert all(word in shown for word in (*what.split(), "val", "error"))
    assert max(len(line) for line in shown.splitlines()) <= 80
