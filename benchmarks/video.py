"""Video prediction: the time per frame and the peak memory.

    python -m benchmarks.video [--model MODEL]

MODEL is a published model, as `vocseg predict` takes it, that is measured in addition.

Time, on a generated clip of 640 × 360 with sound: `predict_video` from file to file, with overlay and legend, compared
with

- bare prediction: the SavedModel's signature for decoded frames, in batches, on frames in memory;
- a usual notebook's frame loop on the same network and clip (`reference/frame_loop.py`), composed at the frames' own
  size, as ours;
- and, unless the run is quick, the same loop that composes at the network's size, and the network alone on frames that
  are already resized.

All are measured in turns. The networks have random weights, also where the initial ones are zeros, which no trained
network has: in the score layers they would make every pixel a tie of all classes, and as biases they keep TensorFlow
from computing a convolution and its ReLU in one operation. The remark says which share of the pixels is not background.

Memory: peak for a long clip compared with a short one, each in a new process.
"""

from __future__ import annotations

import functools
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.measuring.command import main
from benchmarks.measuring.data import export_network
from benchmarks.measuring.memory import flat_memory, peak_memory_of_process
from benchmarks.measuring.row import Row, Target
from benchmarks.measuring.timing import in_turns, milliseconds, paired

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from benchmarks.measuring.options import Options
    from pipeline.prediction.segmenter import Segmenter

NETWORKS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("fcn8", {"fully_connected_channels": 0}),
    ("fcn8", {"width": 0.5, "fully_connected_channels": 0, "batch_normalization": True}),
    ("fcn8", {"width": 0.25, "fully_connected_channels": 0, "batch_normalization": True}),
    ("fcn8", {"backbone": "mobilenet", "alpha": 0.25}),
)
"""FCN-8 on VGG-16 without fc6 and fc7, as in the notebook; with half its width; and two lighter ones."""
IMAGE_SIZE, FRAME_SIZE, RATE = 224, (640, 360), 25
BATCH = 8
LOOP = "a notebook's frame loop"
TARGETS = {"bare prediction on frames in memory": Target(1.18), LOOP: Target(0.333)}


def write_clip(path: Path, frames: int) -> None:
    """Writes a clip with sound (a tone): a camera that moves over generated scenes."""
    import av
    from PIL import Image

    from tfds_voc_seg.sample.devkit import write_sample_devkit

    width, height = FRAME_SIZE
    with tempfile.TemporaryDirectory() as scratch:
        write_sample_devkit(Path(scratch) / "VOC2012", train_images=3, val_images=3)
        photos = sorted(Path(scratch).rglob("*.jpg"))[:6]
        tiles = [np.asarray(Image.open(photo).convert("RGB").resize((480, 540))) for photo in photos]
    scene = np.concatenate([np.concatenate(tiles[:3], axis=1), np.concatenate(tiles[3:], axis=1)])
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        video: Any = container.add_stream("libx264", rate=RATE, options={"preset": "veryfast"})
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        sound: Any = container.add_stream("aac", rate=44_100, layout="mono")
        samples = sound.rate // RATE
        for index in range(frames):
            angle = 2 * np.pi * index / 200
            left = round((scene.shape[1] - width) * (0.5 + 0.5 * np.sin(angle)))
            top = round((scene.shape[0] - height) * (0.5 + 0.5 * np.cos(1.7 * angle)))
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(scene[top : top + height, left : left + width]))
            frame.pts, frame.time_base = index, Fraction(1, RATE)
            container.mux(video.encode(frame))
            tone = 8_000 * np.sin(440 * 2 * np.pi * (np.arange(samples) + index * samples) / sound.rate)
            heard = av.AudioFrame.from_ndarray(tone.astype(np.int16)[np.newaxis], "s16", "mono")
            heard.sample_rate, heard.pts, heard.time_base = sound.rate, index * samples, Fraction(1, sound.rate)
            container.mux(sound.encode(heard))
        container.mux(video.encode())
        container.mux(sound.encode())


def export(name: str, options: dict[str, Any], folder: Path) -> None:
    """Exports a network with random weights."""
    import keras

    from components.networks import create_network
    from tfds_voc_seg.labels import VOC_CLASSES

    keras.utils.set_random_seed(0)
    network = create_network(name, image_size=IMAGE_SIZE, num_classes=len(VOC_CLASSES), **options)
    for layer in network.layers:
        if layer.name.startswith("score_"):
            layer.kernel.assign(keras.initializers.GlorotNormal(seed=0)(layer.kernel.shape))
        if getattr(layer, "bias", None) is not None:
            layer.bias.assign(keras.initializers.RandomNormal(stddev=0.05, seed=0)(layer.bias.shape))
    export_network(network, name, options, VOC_CLASSES, folder)


def rows(options: Options) -> Iterator[Row]:
    """Yields the rows of each network, and that of the memory unless the run is quick."""
    from components.allocator import configure_allocators

    configure_allocators()  # before TensorFlow is imported, as `vocseg` does
    with tempfile.TemporaryDirectory() as scratch:
        clip, short = Path(scratch) / "clip.mp4", Path(scratch) / "short.mp4"
        write_clip(clip, options.size(6, 2) * BATCH)
        write_clip(short, BATCH)
        models = []
        for number, (name, settings) in enumerate(options.size(NETWORKS, NETWORKS[-1:])):
            shown = " ".join(str(value) for key, value in settings.items() if key != "batch_normalization")
            models.append((f"{name} {shown}", Path(scratch) / f"model{number}"))
            export(name, settings, models[-1][1])
        if options.model:
            models.append((options.model.name, options.model))
        for shown, model in models:
            yield from rows_of_model(shown, model, clip, short, options)
    if not options.quick:
        yield flat_memory("a video", "frames", peak_memory, (100, 1_000), options)


def warm_up(segmenter: Segmenter, frames: NDArray[np.uint8]) -> None:
    """Segments a batch of frames until the engine is as fast as it gets: TensorFlow's changes after `MANY` images."""
    from pipeline.engines.tensorflow_engine import MANY

    for _ in range(0, MANY, len(frames)):
        segmenter.segment_batch(frames)


def rows_of_model(shown: str, model: Path, clip: Path, short: Path, options: Options) -> Iterator[Row]:
    """Yields the rows of a model on a clip, one per reference; each way runs once, on a short clip, before."""
    from benchmarks.reference.bare_prediction import BarePrediction, decoded_batches, resized
    from components.saved_model.serving_folder import find_saved_model
    from pipeline.prediction.segmenter import load_segmenter
    from tfds_voc_seg.image_size import sides_of

    folder = find_saved_model(model)
    segmenter, bare, batches = load_segmenter(folder), BarePrediction(folder), decoded_batches(clip, BATCH)
    small = resized(batches, sides_of(segmenter.image_size))
    from_file_to_file = ways_from_file_to_file(segmenter, folder, clip.parent)
    for way in from_file_to_file.values():
        way(short)
    warm_up(segmenter, batches[0].numpy())
    coloured = np.mean([(maps > 0).mean() for maps in bare.class_maps(batches)])
    bare.scores(small[:1])

    ways: dict[str, Callable[[], object]]
    ways = {name: functools.partial(way, clip) for name, way in from_file_to_file.items()}
    ways["bare prediction on frames in memory"] = functools.partial(bare.class_maps, batches)
    ways["the network alone, on resized frames in memory"] = functools.partial(bare.scores, small)
    names = [name for name in ways if name in ("ours", *TARGETS) or not options.quick]
    frames = sum(len(batch) for batch in batches)
    rounds = in_turns(
        options.rounds_of(full=3, quick=2),
        *(functools.partial(milliseconds, ways[name], frames) for name in names),
    )
    for position, name in enumerate(names[1:], start=1):
        remark = f"{coloured:.0%} of the pixels are not background"
        yield Row(f"video, {shown}", name, "ms/frame", paired(rounds, position), TARGETS.get(name), remark)


def ways_from_file_to_file(segmenter: Segmenter, folder: Path, scratch: Path) -> dict[str, Callable[[Path], object]]:
    """Returns ours and the frame loops: each takes a clip and writes another."""
    from benchmarks.reference import frame_loop
    from pipeline.prediction.video.options import VideoOptions
    from pipeline.prediction.video.predict_video import predict_video
    from tfds_voc_seg.image_size import sides_of

    size = sides_of(segmenter.image_size)
    network, target = frame_loop.load_network(folder, size), scratch / "result.mp4"
    loop = functools.partial(frame_loop.predict_video, network, size, segmenter.palette, destination=target)
    return {
        "ours": lambda clip: predict_video(segmenter, clip, target, VideoOptions(batch_size=BATCH)),
        LOOP: lambda clip: loop(source=clip),
        f"{LOOP} that composes at the network's size": lambda clip: loop(source=clip, compose_small=True),
    }


def peak_memory(frames: int) -> float:
    """Returns this process's peak memory in GB after a video; called in a new process."""
    from pipeline.prediction.segmenter import load_segmenter
    from pipeline.prediction.video.options import VideoOptions
    from pipeline.prediction.video.predict_video import predict_video

    with tempfile.TemporaryDirectory() as scratch:
        name, settings = NETWORKS[-1]
        export(name, settings, Path(scratch) / "model")
        clip = Path(scratch) / "clip.mp4"
        write_clip(clip, frames)
        predict_video(
            load_segmenter(Path(scratch) / "model"), clip, Path(scratch) / "ours.mp4", VideoOptions(batch_size=BATCH)
        )
    return peak_memory_of_process()


if __name__ == "__main__":
    main(rows)
