"""Video prediction: frames per second and peak memory.

    python -m benchmarks.video [MODEL]

MODEL is an optional published model, as `vocseg predict` takes it, that is measured in addition.

Throughput, on a generated clip of 640 × 360 with sound: `predict_video` from file to file, with overlay and legend,
compared with

- a usual notebook's frame loop on the same network and clip (`reference/frame_loop.py`), composed at the frames' own
  size, as ours, and at the network's size;
- bare prediction: the SavedModel's signature for decoded frames, in batches, on frames in memory;
- the network alone on frames that are already resized.

They alternate, and the best round of each counts. The networks have random weights, also in the score layers: these are
initialised with zeros, which would make every pixel a tie of all classes. The table shows the share of the pixels whose
class is not background.

Memory: peak for clips of 100 and of 1,000 frames, each in a new process.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks._measuring import export_network, peak_memory_of_process

if TYPE_CHECKING:
    from collections.abc import Callable

NETWORKS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("fcn8", {"fully_connected_channels": 0}),
    ("fcn8", {"width": 0.5, "fully_connected_channels": 0, "batch_normalization": True}),
    ("fcn8", {"width": 0.25, "fully_connected_channels": 0, "batch_normalization": True}),
    ("fcn8", {"backbone": "mobilenet", "alpha": 0.25}),
)
"""FCN-8 on VGG-16 without fc6 and fc7, as in the notebook; with half its width; and two lighter ones."""
IMAGE_SIZE, FRAME_SIZE, RATE = 224, (640, 360), 25
BATCH, FRAMES, ROUNDS = 8, 48, 2
MEMORY_FRAMES = (100, 1_000)


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
    export_network(network, name, options, VOC_CLASSES, folder)


def keras_model(folder: Path, image_size: int) -> Any:
    """Wraps the SavedModel as a Keras model, as in the notebook: float32 [batch, size, size, 3] → scores."""
    import keras

    images = keras.Input((image_size, image_size, 3))
    scores = keras.layers.TFSMLayer(str(folder), call_endpoint="score_images")(keras.ops.cast(images, "uint8"))
    return keras.Model(images, scores["scores"])


def decoded_batches(clip: Path) -> list[Any]:
    """Decodes the clip into batches in memory, each uint8 [batch, height, width, 3]."""
    import tensorflow as tf

    from pipeline.prediction.video.options import VideoOptions
    from pipeline.prediction.video.reader import VideoReader

    with VideoReader(clip, VideoOptions()) as reader:
        frames = [frame.pixels for frame in reader]
    return [tf.constant(np.stack(frames[begin : begin + BATCH])) for begin in range(0, len(frames), BATCH)]


def measure(model: Path, clip: Path, scratch: Path) -> dict[str, float]:
    """Returns the frames per second of each way (best round), and the share of pixels that are not background."""
    import tensorflow as tf

    from benchmarks.reference import frame_loop
    from components.saved_model.serving_folder import find_saved_model
    from pipeline.prediction.segmenter import load_segmenter
    from pipeline.prediction.video.options import VideoOptions
    from pipeline.prediction.video.predict_video import predict_video
    from tfds_voc_seg.photos import resize_photo

    folder = find_saved_model(model)
    segmenter = load_segmenter(folder)
    signatures = tf.saved_model.load(str(folder)).signatures
    network = keras_model(folder, IMAGE_SIZE)
    batches = decoded_batches(clip)
    small = [resize_photo(batch, segmenter.image_size) for batch in batches]

    def bare() -> None:
        for batch in batches:
            signatures["segment_images"](images=batch)["class_map"].numpy()

    def network_alone() -> None:
        for batch in small:
            signatures["score_images"](images=batch)["scores"].numpy()

    def loop(*, compose_small: bool) -> None:
        frame_loop.predict_video(
            network, IMAGE_SIZE, segmenter.palette, clip, scratch / "loop.mp4", compose_small=compose_small
        )

    ways: dict[str, Callable[[], Any]] = {
        "ours": lambda: predict_video(segmenter, clip, scratch / "ours.mp4", VideoOptions(batch_size=BATCH)),
        "bare": bare,
        "network alone": network_alone,
        "loop": lambda: loop(compose_small=False),
        "loop, small": lambda: loop(compose_small=True),
    }
    best = dict.fromkeys(ways, 0.0)
    for attempt in range(ROUNDS):
        for way, work in ways.items():
            if attempt and way.startswith("loop"):
                continue  # one round is enough: it is slow, and it varies less than the others
            begun = time.monotonic()
            work()
            best[way] = max(best[way], FRAMES / (time.monotonic() - begun))
    coloured = np.mean([(segmenter.segment_batch(batch.numpy()) > 0).mean() for batch in batches])
    return {**best, "coloured": float(coloured)}


def peak_memory(frames: int) -> tuple[float, float]:
    """Returns the peak memory in GB before the video, after a first batch, and at the end."""
    from pipeline.prediction.segmenter import load_segmenter
    from pipeline.prediction.video.options import VideoOptions
    from pipeline.prediction.video.predict_video import predict_video

    with tempfile.TemporaryDirectory() as scratch:
        name, options = NETWORKS[-1]
        export(name, options, Path(scratch) / "model")
        clip = Path(scratch) / "clip.mp4"
        write_clip(clip, frames)
        segmenter = load_segmenter(Path(scratch) / "model")
        segmenter.segment_batch(np.zeros((BATCH, *FRAME_SIZE[::-1], 3), np.uint8))
        before = peak_memory_of_process()
        predict_video(segmenter, clip, Path(scratch) / "ours.mp4", VideoOptions(batch_size=BATCH))
        return before, peak_memory_of_process()


def main() -> None:
    """Measures and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", type=Path, metavar="MODEL", help="a published model to measure in addition")
    published = parser.parse_args().model
    columns = (("ours", 8), ("bare", 8), ("× bare", 8), ("network", 9), ("loop", 7), ("× loop", 8), ("small", 7))
    heading = "".join(f"{name:>{width}}" for name, width in (*columns, ("×", 6), ("coloured", 10)))
    print(f"{'frames per second':34}{heading}", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        clip = Path(scratch) / "clip.mp4"
        write_clip(clip, FRAMES)
        models = []
        for number, (name, options) in enumerate(NETWORKS):
            shown = " ".join(str(value) for key, value in options.items() if key != "batch_normalization")
            models.append((f"{name} {shown}", Path(scratch) / f"model{number}"))
            export(name, options, models[-1][1])
        for shown, model in [*models, *([(str(published)[-33:], published)] if published else [])]:
            ours, bare, alone, loop, small, coloured = measure(model, clip, Path(scratch)).values()
            print(
                f"{shown:34}{ours:8.1f}{bare:8.1f}{ours / bare:8.2f}{alone:9.1f}{loop:7.2f}{ours / loop:8.1f}"
                f"{small:7.2f}{ours / small:6.1f}{coloured:10.0%}",
                flush=True,
            )
    print(f"\n{'frames':>8}{'GB before':>11}{'GB at the end':>15}")
    for frames in MEMORY_FRAMES:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            before, after = pool.apply(peak_memory, (frames,))
        print(f"{frames:8,}{before:11.2f}{after:15.2f}", flush=True)


if __name__ == "__main__":
    main()
