"""A made-up run with what a real one leaves for the tracking: the report, the figures, a published model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.config.loading import load_config
from pipeline.report.page import write_report
from tests.pipeline.made_run import write_whole_run

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.config.schema import RunConfig

MODEL_FILES = {"saved_model.pb": "a graph", "assets.extra/model_card.md": "# Model card\n"}


def write_run_to_track(output: Path, *, published: bool = True) -> None:
    """Writes the output folder of a run."""
    write_whole_run(output, published=published)
    for name, text in MODEL_FILES.items():
        file = output / "serving/1772359200" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (output / "summary.json").write_text("{}\n")
    (output / "curves.png").write_bytes(b"\x89PNG")
    write_report(output)


def config_of(output: Path, uri: str, *overrides: str) -> RunConfig:
    """Returns the configuration of the run, which logs to a URI."""
    return load_config("demo", overrides=[f"output={output}", f"tracking.mlflow={uri}", *overrides])
