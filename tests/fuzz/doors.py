"""The doors through which files of others come: conversion, evaluation, `vocseg predict`, demo and SavedModel.

A door is a function of a scratch folder; it returns a function that takes a file and returns the outcome: `answered`,
`refused: …` with the door's own sentence, or `error: …`. Other outcomes are exceptions.
"""

from __future__ import annotations

import functools
import itertools
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from tests.fuzz.bombs import Bomb, all_bombs
from tests.fuzz.image_files import jpeg, png, zeros_deflated
from tests.fuzz.measuring import ordinary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

SIZE, CLASSES = 300, 21
_LARGEST_MASK = 51_000_000


def _saved_model(folder: Path) -> str:
    """Exports a model as large as VOC's whose network takes no time."""
    if (folder / "model").exists():
        return str(folder / "model")
    import keras

    from components.saved_model.description import ModelDescription
    from components.saved_model.export import export_saved_model
    from tfds_voc_seg.label_set import VOC_LABELS

    images = keras.Input((SIZE, SIZE, 3))
    network = keras.Model(images, keras.layers.Conv2D(CLASSES, 1)(images))
    description = ModelDescription(VOC_LABELS.names, SIZE, "one", {}, {}, 100, 1.5)
    export_saved_model(network, description, folder / "model")
    return str(folder / "model")


def _written_pair(devkit: Path, bomb: Bomb) -> None:
    """Writes a bomb as the photo of a pair, with a mask of the size that it claims."""
    width, height = bomb.size
    if not 0 < width * height <= _LARGEST_MASK:
        width, height = 1, 1
    (devkit / "JPEGImages" / "bomb.jpg").write_bytes(bomb.content)
    (devkit / "SegmentationClass" / "bomb.png").write_bytes(png((width, height), 8, 3))


def _devkit(folder: Path) -> Path:
    for name in ("JPEGImages", "SegmentationClass"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    _written_pair(folder, ordinary())
    return folder


def conversion(folder: Path) -> Callable[[Bomb], str]:
    """Converts a pair: the bomb as photo with a mask of its size, then as mask of an ordinary photo."""
    from tfds_voc_seg.devkit.image_files import ImageFiles
    from tfds_voc_seg.devkit.problems import DevkitError
    from tfds_voc_seg.record_config import RecordConfig
    from tfds_voc_seg.records.encoding import PairEncoder

    devkit = _devkit(folder)
    pair = ImageFiles(devkit).pair("bomb")
    encoder = PairEncoder(RecordConfig(SIZE))

    def convert(bomb: Bomb) -> str:
        outcomes = []
        _written_pair(devkit, bomb)
        for _ in range(2):
            try:
                encoder(pair)
                outcomes.append("answered")
            except DevkitError as error:
                outcomes.append(f"refused: {error}")
            Path(pair.photo).write_bytes(ordinary().content)
            Path(pair.mask).write_bytes(bomb.content)
        return " / ".join(outcomes)

    return convert


def evaluation(folder: Path) -> Callable[[Bomb], str]:
    """Converts a pair and compares a model's prediction with the mask at the photo's own size."""
    from components.segmentation_evaluator.segmentation import RecordSegmenter
    from tfds_voc_seg.devkit.image_files import ImageFiles
    from tfds_voc_seg.devkit.problems import DevkitError
    from tfds_voc_seg.geometry import Geometry
    from tfds_voc_seg.record_config import RecordConfig
    from tfds_voc_seg.records.encoding import PairEncoder

    devkit, config = _devkit(folder), RecordConfig(SIZE)
    encoder, pair = PairEncoder(config), ImageFiles(devkit).pair("bomb")
    segment = RecordSegmenter({"model": _saved_model(folder)}, Geometry(SIZE), CLASSES, (str(devkit), config))

    def evaluate(bomb: Bomb) -> str:
        _written_pair(devkit, bomb)
        try:
            record = encoder(pair)
            for image in segment([record] if record else []):
                image.counts(CLASSES)
        except DevkitError as error:
            return f"refused: {error}"
        return "answered"

    return evaluate


def predict(folder: Path, *, tta: bool = False) -> Callable[[Bomb], str]:
    """Segments a photo file and writes class map and overlay."""
    from pipeline.prediction.inputs import Input
    from pipeline.prediction.photos.predict_photos import predict_photos
    from pipeline.prediction.photos.results import PhotoResultOptions
    from pipeline.prediction.segmenter import load_segmenter

    segmenter = load_segmenter(_saved_model(folder))
    file = folder / "bomb.jpg"

    def segment(bomb: Bomb) -> str:
        file.write_bytes(bomb.content)
        outcomes: list[str] = []
        predict_photos(
            segmenter,
            [Input(file, "bomb", "bomb", is_video=False)],
            PhotoResultOptions(folder / "out", contours=True),
            lambda _, reason: outcomes.append("answered" if reason is None else f"refused: {reason}"),
            replace=True,
            tta=tta,
        )
        (outcome,) = outcomes
        return outcome.replace("refused: needs more memory than", "error: needs more memory than")

    return segment


def demo(folder: Path) -> Callable[[Bomb], str]:
    """Posts a file to the demo."""
    from starlette.testclient import TestClient

    from pipeline.demo.app import make_app
    from pipeline.demo.limits import Limits
    from pipeline.prediction.segmenter import load_segmenter

    limits = Limits(20 << 20, 1536 << 20, answer_seconds=600)  # however busy the machine is
    models = {"model": load_segmenter(_saved_model(folder))}
    app = make_app(models, [], limits=limits, allowed_hosts=frozenset({"testserver"}))
    client = TestClient(app, raise_server_exceptions=False)

    def post(bomb: Bomb) -> str:
        answer = client.post("/segment/0", content=bomb.content)
        if answer.status_code == 200:
            return "answered"
        known = 400 <= answer.status_code < 500 or answer.status_code == 503
        return f"{'refused' if known else 'error'}: {answer.text[:200]}"

    return post


def saved_model(folder: Path) -> Callable[[Bomb], str]:
    """Sends a file to a published model; a name that begins with `record` to its signature for records."""
    import tensorflow as tf

    model = tf.saved_model.load(_saved_model(folder))

    def request(bomb: Bomb) -> str:
        try:
            if bomb.name.startswith("record"):
                model.signatures["segment_examples"](examples=tf.constant([bomb.content]))
            else:
                model.signatures["class_map"](image_bytes=tf.constant([bomb.content]))
        except tf.errors.InvalidArgumentError as error:
            return f"refused: {error.message}"
        return "answered"

    return request


DOORS: dict[str, Callable[[Path], Callable[[Bomb], str]]] = {
    "conversion": conversion,
    "evaluation": evaluation,
    "predict": predict,
    "predict_tta": functools.partial(predict, tta=True),
    "demo": demo,
    "saved_model": saved_model,
}
SERVED = ("saved_model",)
"""Doors of servers that are no command of this project."""


def record_bombs() -> Iterator[Bomb]:
    """Yields records whose image or mask unpacks to more than a record holds."""
    import tensorflow as tf

    def record(name: str, image: bytes, mask: bytes) -> Bomb:
        values = {"image": image, "segmentation_mask": mask}
        features = {
            key: tf.train.Feature(bytes_list=tf.train.BytesList(value=[value])) for key, value in values.items()
        }
        example = tf.train.Example(features=tf.train.Features(feature=features))
        return Bomb(f"record {name}", example.SerializeToString(), (SIZE, SIZE))

    size = SIZE * SIZE * CLASSES
    fitting_mask, fitting_image = zlib.compress(bytes(size)), png((SIZE, SIZE))
    yield record("as it should be", fitting_image, fitting_mask)
    for surplus in (0, 1, 2**20, 2**28, 2**32, 20 * 2**30):
        yield record(f"mask of {surplus} bytes too many", fitting_image, zeros_deflated(size + surplus))
    for bomb in itertools.islice(all_bombs(), 0, None, 7):
        yield record(f"image {bomb.name}", bomb.content, fitting_mask)
    yield record("scans", jpeg((SIZE, SIZE), scans=20_000, progressive=True), fitting_mask)


def bombs_for(doors: Sequence[str]) -> Iterator[Bomb]:
    """Yields every file for some doors."""
    if set(doors) & set(SERVED):
        yield from record_bombs()
    yield from all_bombs()
