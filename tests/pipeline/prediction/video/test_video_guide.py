"""The Python example of docs/video_and_demo.md works as written."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from tests.docs.pages import blocks_of
from tests.pipeline.prediction.video.clips import Video

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_the_python_example_runs(
    clips: dict[str, Path], run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (block,) = [block for block in blocks_of("docs/video_and_demo.md") if block.language == "python"]
    shutil.copytree(run_folder, tmp_path / "runs/demo")
    shutil.copy(clips[".mov"], tmp_path / "clip.mov")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(block.text.replace("start=10, end=25", "start=0.3, end=0.7"), names)  # the clip has one second
    assert names["result"].frames == len(Video(tmp_path / "clip.mp4").frames) == 4
