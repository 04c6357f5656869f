"""A run that publishes its model as targets too: in the version, in the summary, in the report, in the lineage."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from components.saved_model.model_digest import model_digest
from components.targets.target_folder import published_targets, read_target
from pipeline.config.problems import ConfigError
from pipeline.metadata.lineage import read_lineage
from tests.e2e.run_workspace import Workspace, workspace_in

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

TARGETS = "publishing.targets=[saved_model, litert, litert_int8, onnx]"


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with workspace_in(tmp_path) as workspace:
        yield workspace


def test_targets_are_published_with_the_model(workspace: Workspace) -> None:
    loose = (TARGETS, "publishing.max_target_loss=1")
    summary = workspace.run(*loose, preset=workspace.preset_of_one).summary
    version = Path(summary["published"])
    assert list(published_targets(version)) == ["litert", "litert_int8", "onnx"] == [*summary["targets"]]
    for name, folder in published_targets(version).items():
        target = read_target(folder)
        assert target.target.saved_model == model_digest(version)
        assert (folder / "model_card.md").read_text().startswith("# Model card: own")
        figures = summary["targets"][name]
        assert figures["digest"] == model_digest(folder)
        assert figures["published"]
        if name != "litert_int8":
            assert figures["agreement"] > 0.999
            assert abs(figures["difference"]) < 0.001
    assert 'id="targets"' in Path(summary["report"]).read_text()
    exporter = read_lineage(workspace.output).inputs[0]
    assert (exporter.node, exporter.inputs[0].node) == ("TargetExporter", "ModelSelector")

    again = workspace.run(*loose, preset=workspace.preset_of_one).summary
    assert again["published"] is None  # it does not beat itself
    assert again["targets"] == {}


def test_a_missing_library_is_an_error_before_the_work(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline.display.live import Display
    from pipeline.local.runner import run_locally

    monkeypatch.setattr("pipeline.local.runner.missing_library", lambda _: "ai_edge_litert")
    with pytest.raises(
        ConfigError, match=r"litert needs ai_edge_litert, which is not installed: pip install 'voc-seg\["
    ):
        run_locally(workspace.config(TARGETS), Display(Console(file=io.StringIO())))
    assert not (workspace.output / "tfx").exists()
