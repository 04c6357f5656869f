"""Example pictures of the evaluation: the photo, the true mask and each model's prediction."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import tensorflow as tf
from etils import epath
from PIL import Image

from components.run_files import EXAMPLES_FOLDER, PHOTO_FILE, TRUTH_FILE
from components.segmentation_evaluator.evaluation import BATCH_SIZE, EvaluationSpec
from components.segmentation_evaluator.segmentation import NETWORK_SIZE, RecordSegmenter
from tfds_voc_seg.records.decoding import parse_origin

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray


def write_example_pictures(spec: EvaluationSpec, image_ids: Collection[str], output: epath.PathLike) -> None:
    """Writes `examples/<image id>/`: `photo.png`, `truth.png` and `<model>.png`, at the network's size.

    Class maps are PNG files in palette mode that contain class ids, 255 for void.

    Args:
        spec: the evaluated models and records.
        image_ids: the images to write.
        output: the evaluation's folder.
    """
    segment = RecordSegmenter(spec.models, spec.geometry, len(spec.class_names), masks=None, many=False)
    palette = spec.channels.colors
    for batch in _batches(_records_of(spec.files, image_ids)):
        for image in segment(batch):
            folder = epath.Path(output) / EXAMPLES_FOLDER / image.image_id
            folder.mkdir(parents=True, exist_ok=True)
            _write(Image.fromarray(image.image), folder / PHOTO_FILE)
            predicted = {f"{model}.png": by_size[NETWORK_SIZE] for model, by_size in image.predicted.items()}
            for file, classes in {TRUTH_FILE: image.truth[NETWORK_SIZE], **predicted}.items():
                _write(_palette_picture(classes, palette), folder / file)


def _records_of(files: Sequence[str], image_ids: Collection[str]) -> Iterator[bytes]:
    numbered = tf.data.TFRecordDataset(list(files)).map(lambda record: (record, parse_origin(record)[0]))
    for record, image_id in numbered.as_numpy_iterator():
        if image_id.decode() in image_ids:
            yield record


def _batches(records: Iterator[bytes]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    for record in records:
        batch.append(record)
        if len(batch) == BATCH_SIZE:
            yield batch
            batch = []
    if batch:
        yield batch


def _palette_picture(classes: NDArray[np.uint8], palette: Sequence[tuple[int, int, int]]) -> Image.Image:
    picture = Image.fromarray(classes)
    colours = [*palette, *[(0, 0, 0)] * (255 - len(palette)), (224, 224, 192)]  # VOC's colour of void
    picture.putpalette([value for colour in colours for value in colour])
    return picture


def _write(picture: Image.Image, file: epath.Path) -> None:
    encoded = io.BytesIO()
    picture.save(encoded, "PNG")
    file.write_bytes(encoded.getvalue())
