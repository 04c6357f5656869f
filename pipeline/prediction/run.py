"""All that a call of `vocseg predict` is given: photos in batches, then the videos one by one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.markup import escape

from components.progress import Progress
from pipeline.display.live import Display
from pipeline.prediction.inputs import Failure, Input
from pipeline.prediction.outputs import OutputExistsError, refuse_existing
from pipeline.prediction.photos.run import segment_files
from pipeline.prediction.results import ResultOptions
from pipeline.prediction.segmenter import Segmenter, load_segmenter
from pipeline.prediction.video.options import VideoError, VideoOptions

VIDEOS = "videos"
"""The folder of the output that holds them."""


def predict_inputs(
    model: str | os.PathLike[str],
    inputs: Sequence[Input],
    display: Display,
    results: ResultOptions,
    *,
    replace: bool = False,
    videos: VideoOptions | None = None,
    video_format: str = "mp4",
    **methods: Any,
) -> list[Failure]:
    """Loads a model and works on files.

    Args:
        model: as `load_segmenter` takes it.
        inputs: what `find_inputs` found.
        display: shows the progress.
        results: what is written of photos, and where.
        replace: replace results that are there.
        videos: what is made of videos.
        video_format: `mp4` or `gif`.
        methods: `batch`, `tta` and `tile` of `segment_files`.

    Returns:
        What failed, and why.

    Raises:
        ModelError: the model can't be used.
    """
    with display.busy("loading the model"):
        segmenter = load_segmenter(model)
    photos = [each for each in inputs if not each.is_video]
    failures: list[Failure] = []
    done = 0

    def on_done(photo: Input, reason: str | None) -> None:
        nonlocal done
        done += 1
        if reason is not None:
            failures.append(Failure(photo.shown, reason))
        display.progress(Progress("images", done, len(photos)))

    with display.live():
        segment_files(segmenter, photos, results, on_done, replace=replace, **methods)
        for video in inputs:
            if video.is_video:
                path = results.output / VIDEOS / f"{video.name}.{video_format}"
                reason = _predict_video(segmenter, video, path, videos or VideoOptions(), replace, display)
                if reason is not None:
                    failures.append(Failure(video.shown, reason))
    return failures


def _predict_video(
    segmenter: Segmenter, video: Input, destination: Path, options: VideoOptions, replace: bool, display: Display
) -> str | None:
    """Works on a video; gives why it failed, if it did."""
    try:
        from pipeline.prediction.video.run import VideoProgress, predict_video
    except ModuleNotFoundError as error:
        return f"was left out: {error.name} is not installed; videos need: pip install 'voc-seg[predict]'"

    def on_progress(progress: VideoProgress) -> None:
        frames = Progress(f"{video.shown}, frames", progress.done, max(progress.total or 0, progress.done))
        display.progress(frames)

    try:
        if not replace:
            refuse_existing([destination])
        destination.parent.mkdir(parents=True, exist_ok=True)
        result = predict_video(segmenter, video.path, destination, options, on_progress)
        if result.sound == "damaged":
            display.print(f"{escape(video.shown)}: the sound is damaged, and kept up to there")
    except VideoError as error:
        return error.reason
    except OutputExistsError as error:
        return f"was left out: {error}"
    except OSError as error:
        return f"can't be written to {destination}: {error.strerror}"
    return None
