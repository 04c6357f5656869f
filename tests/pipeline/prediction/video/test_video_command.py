"""`vocseg predict` for videos, as a user calls it."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from pipeline.cli import main
from tests.pipeline.demo.models import export_colour_model
from tests.pipeline.prediction.video.clips import Video, write_clip

if TYPE_CHECKING:
    from pathlib import Path

Predict = Callable[..., tuple[int, str, str]]


@pytest.fixture
def predict(capfd: pytest.CaptureFixture[str]) -> Predict:
    """Calls the command; returns the exit status and what it printed to standard output and standard error."""

    def call(*arguments: str | Path) -> tuple[int, str, str]:
        capfd.readouterr()
        status = main(["predict", *map(str, arguments)])
        return status, *capfd.readouterr()

    return call


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_colour_model(tmp_path_factory.mktemp("model") / "1")


def test_the_videos_of_a_folder_are_processed_and_a_truncated_one_is_reported(
    predict: Predict, model: Path, tmp_path: Path
) -> None:
    clips = tmp_path / "clips"
    clips.mkdir()
    write_clip(clips / "good.mp4")
    write_clip(clips / "moving.gif", 5)
    cut = write_clip(clips / "cut.webm")
    cut.write_bytes(cut.read_bytes()[:-500])
    arguments: list[str | Path] = [
        model,
        clips,
        "--output",
        tmp_path / "out",
        "--start",
        "0.2",
        "--skip",
        "1",
        "--alpha",
        "1",
    ]
    status, printed, errors = predict(*arguments)
    assert status == 1, errors
    assert "2 of 3 done" in printed
    assert "cut.webm is truncated: copy it again, or give --end" in errors
    assert "Traceback" not in errors
    videos = tmp_path / "out" / "videos"
    assert sorted(path.name for path in videos.iterdir()) == ["good.mp4", "moving.mp4"]
    good = Video(videos / "good.mp4")
    assert good.times == [0, 0.2, 0.4, 0.6]
    assert good.sound_codec == "aac"
    assert good.pitch == pytest.approx(440, abs=5)
    assert abs(good.frames[0][12, 16].astype(int) - (192, 128, 128)).max() < 12, "the person does not have VOC's colour"

    status, _, errors = predict(*arguments)
    assert status == 1
    assert "--force" in errors


@pytest.mark.slow
def test_a_terminal_shows_frames_per_second_and_the_remaining_time(model: Path, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", 400, size=(320, 240))
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "pipeline.cli",
        "predict",
        model,
        clip,
        "--output",
        tmp_path / "out",
    ]
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": "120", "TERM": "xterm"}
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # the process closed its end
            while piece := os.read(ours, 65536):
                shown += piece
    os.close(ours)
    assert process.returncode == 0, shown.decode()
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
    bars = re.findall(r"clip\.mp4, frames.* (\d+)/(\d+)  (\d+(?:\.\d)?)/s (\d:\d\d:\d\d|-:--:--)", text)
    assert bars, text
    assert {total for _, total, _, _ in bars} == {"400"}
    assert all(float(rate) > 0 for _, _, rate, _ in bars)
    assert any(left != "-:--:--" for _, _, _, left in bars), "no remaining time was shown"
    assert "1 of 1 done" in text


def test_contradicting_options_are_refused_before_the_model_is_loaded(
    predict: Predict, model: Path, tmp_path: Path
) -> None:
    status, _, errors = predict(model, "x.mp4", "--output", tmp_path / "out", "--start", "5", "--end", "2")
    assert (status, errors) == (2, "vocseg: --end 2 s is not after --start 5 s\n")
