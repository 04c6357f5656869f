"""Videos painted by several processes are the same, and the processes end in any case."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from pipeline.cli import main
from pipeline.engines.engine import EngineError
from pipeline.prediction.segmenter import load_segmenter
from pipeline.prediction.video.frame_processes import FrameProcesses
from pipeline.prediction.video.options import VideoOptions
from pipeline.prediction.video.overlay import FrameOverlay
from pipeline.prediction.video.predict_video import VideoProgress, predict_video
from tests.pipeline.engines.targets import add_target
from tests.pipeline.prediction.video.clips import RedSegmenter, write_clip
from tests.pipeline.random_model import export_random_model

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from pipeline.engines.engine import EngineName
    from pipeline.prediction.video.reader import TimedFrame

LONG = 200
"""The number of frames from which on the processes are used."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = export_random_model(tmp_path_factory.mktemp("model") / "1")
    add_target(folder)
    return folder


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("long") / "long.mp4", LONG)


def children() -> list[psutil.Process]:
    """Our processes that still run: of a zombie, which another test may have left, there is no command line."""
    running = ((child, child.as_dict(["cmdline"], ad_value=[])) for child in psutil.Process().children())
    return [child for child, facts in running if "frame_process" in " ".join(facts["cmdline"])]


def test_the_result_is_that_of_threads(model: Path, long_clip: Path, tmp_path: Path) -> None:
    segmenter = load_segmenter(model, engine="litert")
    unused = RedSegmenter()  # has other classes, and counts its batches
    unused.channels = segmenter.channels
    seen: list[VideoProgress] = []
    other = write_clip(tmp_path / "short.mp4", 5, size=(98, 50))  # uses the processes that have already started
    with FrameProcesses(model, "litert") as processes:
        for clip in (long_clip, other):
            options = VideoOptions(contours=True)
            predict_video(segmenter, clip, tmp_path / "threads.mp4", options)
            predict_video(unused, clip, tmp_path / "processes.mp4", options, seen.append, processes)
            assert (tmp_path / "processes.mp4").read_bytes() == (tmp_path / "threads.mp4").read_bytes()
        assert len(children()) == len(os.sched_getaffinity(0))
    assert children() == []
    assert unused.batches == []
    assert [progress.done for progress in seen] == [*range(1, LONG + 1), *range(1, 6)]


@pytest.mark.parametrize(
    ("engine", "size", "frames"),
    [("litert", (64, 48), LONG - 1), ("tensorflow", (64, 48), LONG), ("litert", (8192, 8192), LONG)],
)
def test_nothing_is_started_that_is_not_worth_while(engine: EngineName, size: tuple[int, int], frames: int) -> None:
    with FrameProcesses("not read", engine) as processes:
        options = VideoOptions(legend=False)
        paint = FrameOverlay(RedSegmenter.channels, options, (64, 48), 1)
        assert processes.begin(options, size, 1, paint, frames) == 0
        assert children() == []


def test_a_system_that_allows_no_more_processes_is_served_by_threads(
    model: Path, long_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise BlockingIOError("Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    files = psutil.Process().num_fds()
    with FrameProcesses(model, "litert") as processes:
        predict_video(RedSegmenter(), long_clip, tmp_path / "out.mp4", processes=processes)
    assert (tmp_path / "out.mp4").exists()
    assert psutil.Process().num_fds() == files


def test_a_model_that_cannot_be_loaded_is_named(long_clip: Path, tmp_path: Path) -> None:
    with FrameProcesses(tmp_path / "missing", "litert") as processes, pytest.raises(EngineError, match="missing"):
        predict_video(RedSegmenter(), long_clip, tmp_path / "out.mp4", processes=processes)
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_dies_costs_one_video(model: Path, long_clip: Path, tmp_path: Path) -> None:
    def kill_one(progress: VideoProgress) -> None:
        if progress.done == 1:
            children()[0].kill()

    segmenter = load_segmenter(model, engine="litert")
    with FrameProcesses(model, "litert") as processes:
        with pytest.raises(EngineError, match="a process that segments frames ended"):
            predict_video(segmenter, long_clip, tmp_path / "out.mp4", VideoOptions(), kill_one, processes)
        assert list(tmp_path.iterdir()) == []
        result = predict_video(segmenter, long_clip, tmp_path / "out.mp4", VideoOptions(), None, processes)
        assert result.frames == LONG
    assert children() == []


def test_the_processes_end_with_the_one_that_started_them(model: Path, tmp_path: Path) -> None:
    code = "import sys; from pipeline.cli import main; main(sys.argv[1:])"
    clip = write_clip(tmp_path / "clip.mp4", 5 * LONG)
    command = [sys.executable, "-c", code, "predict", str(model), str(clip), "--engine", "litert"]
    with subprocess.Popen([*command, "--output", str(tmp_path / "out")]) as process:
        started = psutil.Process(process.pid)
        until = time.monotonic() + 120
        while not (painting := started.children()) and time.monotonic() < until:
            time.sleep(0.05)
        process.kill()
    assert painting
    _, alive = psutil.wait_procs(painting, timeout=30)
    assert alive == []


def test_the_command_uses_them(
    model: Path, long_clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    painted: list[TimedFrame] = []
    paint = FrameProcesses.paint

    def counted(processes: FrameProcesses, frame: TimedFrame) -> NDArray[np.uint8]:
        painted.append(frame)
        return paint(processes, frame)

    monkeypatch.setattr(FrameProcesses, "paint", counted)
    status = main(["predict", str(model), str(long_clip), "--output", str(tmp_path), "--engine", "litert"])
    assert (status, len(painted)) == (0, LONG), capsys.readouterr()
    assert (tmp_path / "videos" / "long.mp4").exists()
    assert children() == []
