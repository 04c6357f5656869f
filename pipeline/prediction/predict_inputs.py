"""Processes all inputs of `vocseg predict`: first the photos in batches, then the videos one after another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.markup import escape

from components.allocator import loading_libraries
from components.progress import Progress
from pipeline.engines.engine import EngineError
from pipeline.prediction.inputs import Failure, Input
from pipeline.prediction.output_files import OutputExistsError, OverwrittenInputError, refuse_existing, refuse_input
from pipeline.prediction.photos.predict_photos import predict_photos
from pipeline.prediction.segmenter import Segmenter, load_segmenter
from pipeline.prediction.video.frame_processes import FrameProcesses
from pipeline.prediction.video.options import VideoError, VideoOptions
from tfds_voc_seg.disk_errors import write_reason

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from pathlib import Path

    from pipeline.display.live import Display
    from pipeline.prediction.photos.results import PhotoResultOptions

VIDEOS_FOLDER = "videos"
"""The folder of the written videos, in the output folder."""


def predict_inputs(
    model: str | os.PathLike[str],
    inputs: Sequence[Input],
    display: Display,
    results: PhotoResultOptions,
    *,
    replace: bool = False,
    videos: VideoOptions | None = None,
    video_format: str = "mp4",
    trust: bool = False,
    engine: str = "tensorflow",
    **methods: Any,
) -> list[Failure]:
    """Loads a model and segments files.

    Args:
        model: as for `load_segmenter`.
        inputs: as returned by `find_inputs`.
        display: shows the progress.
        results: what to write for photos, and the output folder of photos and videos.
        replace: replace existing results.
        videos: how to process videos.
        video_format: `mp4` or `gif`.
        trust: as for `load_segmenter`.
        engine: as for `load_segmenter`.
        methods: `batch`, `tta` and `tile` of `predict_photos`.

    Returns:
        The inputs that failed, with reasons.

    Raises:
        ModelError: the model cannot be used.
    """
    with display.busy("loading the model"), loading_libraries():
        segmenter = load_segmenter(model, trust=trust, engine=engine)
    photos = [each for each in inputs if not each.is_video]
    failures: list[Failure] = []
    done = 0

    def on_done(photo: Input, reason: str | None) -> None:
        nonlocal done
        done += 1
        if reason is not None:
            failures.append(Failure(photo.display_name, reason))
        display.progress(Progress("images", done, len(photos)))

    with display.live(), FrameProcesses(model, segmenter.engine, trust=trust) as processes:
        predict_photos(segmenter, photos, results, on_done, replace=replace, **methods)
        for video in inputs:
            if video.is_video:
                path = results.output / VIDEOS_FOLDER / f"{video.name}.{video_format}"
                reason = _predict_video(segmenter, processes, video, path, videos or VideoOptions(), replace, display)
                if reason is not None:
                    failures.append(Failure(video.display_name, reason))
    return failures


def _predict_video(
    segmenter: Segmenter,
    processes: FrameProcesses,
    video: Input,
    destination: Path,
    options: VideoOptions,
    replace: bool,
    display: Display,
) -> str | None:
    """Processes one video; returns the reason if it fails."""
    try:
        from pipeline.prediction.video.predict_video import VideoProgress, predict_video
    except ModuleNotFoundError as error:
        return f"was skipped: {error.name} is not installed; videos need: pip install 'voc-seg[predict]'"

    def on_progress(progress: VideoProgress) -> None:
        frames = Progress(f"{video.display_name}, frames", progress.done, max(progress.total or 0, progress.done))
        display.progress(frames)

    try:
        refuse_input(video.path, [destination])
        if not replace:
            refuse_existing([destination])
        destination.parent.mkdir(parents=True, exist_ok=True)
        result = predict_video(segmenter, video.path, destination, options, on_progress, processes)
        if result.sound == "damaged":
            display.print(f"{escape(video.display_name)}: the sound is damaged, the result has it up to the damage")
    except VideoError as error:
        return error.reason
    except (OutputExistsError, OverwrittenInputError) as error:
        return f"was skipped: {error}"
    except OSError as error:
        return f"cannot be written to {destination}: {write_reason(error)}"
    except MemoryError:
        return "needs more memory than there is: try a smaller --batch"
    except EngineError as error:
        return f"cannot be segmented: {error}"
    return None
