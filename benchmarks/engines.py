"""LiteRT compared with TensorFlow: the start of the commands, their memory, and videos.

    python -m benchmarks.engines [--model MODEL]

MODEL is a published model, as `vocseg predict` takes it, whose videos are measured in addition.

- The time and the peak memory of `vocseg predict` for one photo, in new processes.
- The time until the page of `vocseg demo` accepts requests.
- Videos from file to file, as in `benchmarks.video`: LiteRT compared with TensorFlow, and the one of both that
  `--engine auto` selects compared with bare prediction of TensorFlow on frames in memory. LiteRT's processes have
  started before.

All are measured in turns, with the memory settings of `vocseg`. The networks have random weights. The remark of the
videos says for which share of the pixels both engines have the same class, and which engine was selected.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.measuring.command import main
from benchmarks.measuring.row import Row, Target
from benchmarks.measuring.timing import VOCSEG, in_turns, milliseconds, paired, time_and_peak
from benchmarks.video import BATCH, NETWORKS, export, warm_up, write_clip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.measuring.options import Options
    from pipeline.engines.engine import EngineName

ENGINES: tuple[EngineName, ...] = ("litert", "tensorflow")
BARE = "bare prediction of TensorFlow on frames in memory"
EARLIER = 26.0
"""Frames per second of videos over MobileNet when TensorFlow was the only engine; the target is 1.8 times as many."""
READY = "open http"
"""What `vocseg demo` prints when it accepts requests."""


def rows(options: Options) -> Iterator[Row]:
    """Yields the rows of the commands, and those of the videos of each network."""
    from components.allocator import configure_allocators

    configure_allocators()  # before TensorFlow is imported, as `vocseg` does
    from components.targets.export import export_target
    from components.targets.names import PUBLISHED_TARGETS_FOLDER
    from tfds_voc_seg.sample.devkit import write_sample_devkit

    with tempfile.TemporaryDirectory() as scratch:
        write_sample_devkit(Path(scratch) / "VOC2012", train_images=1, val_images=1)
        photo = sorted(Path(scratch).rglob("*.jpg"))[0]
        clip, short = Path(scratch) / "clip.mp4", Path(scratch) / "short.mp4"
        write_clip(clip, 26 * BATCH)  # 8 seconds: long enough for processes
        write_clip(short, BATCH)
        models = []
        for number, (name, settings) in enumerate(options.size(NETWORKS, NETWORKS[3:])):
            shown = " ".join(str(value) for key, value in settings.items() if key != "batch_normalization")
            models.append((f"{name} {shown}", Path(scratch) / f"model{number}"))
            export(name, settings, models[-1][1])
            export_target(models[-1][1], "litert", models[-1][1] / PUBLISHED_TARGETS_FOLDER / "litert")
        yield from rows_of_commands(models[-1][1], photo, options)
        if options.model:
            models.append((options.model.name, options.model))
        for shown, model in models:
            yield from rows_of_videos(shown, model, clip, short, options)


def rows_of_commands(model: Path, photo: Path, options: Options) -> Iterator[Row]:
    """Yields the rows of `vocseg predict` and `vocseg demo`."""
    outputs = (str(photo.parent / f"output{number}") for number in itertools.count())

    def predict(engine: str) -> tuple[float, float]:
        command = [*VOCSEG, "predict", str(model), str(photo), "--output", next(outputs), "--engine", engine]
        return time_and_peak(*command)

    measured = [(predict("litert"), predict("tensorflow")) for _ in range(options.rounds_of(full=5, quick=1))]
    for position, (what, unit, limit) in enumerate((("time", "s", 2.5), ("peak memory", "GB", 0.5))):
        rounds = tuple((litert[position], tensorflow[position]) for litert, tensorflow in measured)
        name = f"`vocseg predict --engine litert` of one photo, {what}"
        yield Row(name, "--engine tensorflow", unit, rounds, Target(limit, of="value"))
    starts = in_turns(
        options.rounds_of(full=5, quick=1), *(functools.partial(demo_seconds, model, engine) for engine in ENGINES)
    )
    yield Row(
        "`vocseg demo --engine litert`, start",
        "--engine tensorflow",
        "s",
        paired(starts),
        Target(3.0, of="value"),
    )


def demo_seconds(model: Path, engine: str) -> float:
    """Starts the demo; returns the time until it accepts requests, in seconds.

    Raises:
        RuntimeError: it ended before.
    """
    command = [*VOCSEG, "demo", str(model), "--engine", engine, "--port", "0"]
    started = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as demo:
        assert demo.stdout is not None
        printed = [*itertools.takewhile(lambda line: READY not in line, demo.stdout)]
        taken = time.monotonic() - started
        ended = demo.poll()
        demo.kill()
    if ended is not None:
        raise RuntimeError(f"`{' '.join(command)}` ended: {''.join(printed[-3:])}")
    return taken


def rows_of_videos(shown: str, model: Path, clip: Path, short: Path, options: Options) -> Iterator[Row]:
    """Yields the rows of a model on a clip; before, each way runs until it is as fast as it gets."""
    from benchmarks.reference.bare_prediction import BarePrediction, decoded_batches
    from components.saved_model.serving_folder import find_saved_model
    from pipeline.engines.measurement import fastest_engine
    from pipeline.engines.selection import find_model
    from pipeline.prediction.segmenter import load_segmenter
    from pipeline.prediction.video.frame_processes import FrameProcesses
    from pipeline.prediction.video.options import VideoOptions
    from pipeline.prediction.video.predict_video import predict_video

    bare, batches = BarePrediction(find_saved_model(model)), decoded_batches(clip, BATCH)
    selected = fastest_engine(find_model(model), ENGINES)
    segmenters = {engine: load_segmenter(model, engine=engine) for engine in ENGINES}
    destination, settings = clip.parent / "result.mp4", VideoOptions(batch_size=BATCH)
    for segmenter in segmenters.values():
        predict_video(segmenter, short, destination, settings)
        warm_up(segmenter, batches[0].numpy())
    litert, tensorflow = (segmenter.segment_batch(batches[0].numpy()) for segmenter in segmenters.values())
    remark = f"{np.mean(litert == tensorflow):.3%} of the pixels have the same class"
    bare.class_maps(batches[:1])

    with contextlib.ExitStack() as started:
        ways: list[Callable[[], object]] = []
        for engine, segmenter in segmenters.items():
            processes = started.enter_context(FrameProcesses(model, engine))
            ways.append(functools.partial(predict_video, segmenter, clip, destination, settings, processes=processes))
        ways[0]()  # starts the processes
        ways.append(functools.partial(bare.class_maps, batches))
        frames = sum(len(batch) for batch in batches)
        rounds = in_turns(
            options.rounds_of(full=3, quick=2), *(functools.partial(milliseconds, way, frames) for way in ways)
        )
    faster = Target(1000 / (1.8 * EARLIER), of="value") if "mobilenet" in shown else None
    yield Row(f"video with LiteRT, {shown}", "with TensorFlow", "ms/frame", paired(rounds, 1), faster, remark)
    with_selected = tuple((values[ENGINES.index(selected)], values[2]) for values in rounds)
    remark = f"the engine is {selected}; {remark}"
    yield Row(f"video with `--engine auto`, {shown}", BARE, "ms/frame", with_selected, Target(1.0), remark)


if __name__ == "__main__":
    main(rows)
