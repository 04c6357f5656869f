"""Writes the requests of the smoke test as files, for a process without this project's code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from tfds_voc_seg.array_files import save_array
from tfds_voc_seg.class_maps import resize_class_map
from tfds_voc_seg.records.decoding import image_and_class_map
from tfds_voc_seg.records.files import VAL_SPLIT
from tfds_voc_seg.windows import window_offsets, window_weights

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tfds_voc_seg.geometry import Geometry
    from tfds_voc_seg.records.files import Records


def write_requests(records: Records, count: int, folder: Path) -> None:
    """Writes the first records of the val split for the checks, serialized and as the evaluation decodes them.

    The test split, if there is one, stays unseen until the evaluation.

    Args:
        records: the location of the records.
        count: number of records; fewer are written if the split has fewer.
        folder: receives `records.tfrecord`, `images.npy` uint8 [N, height, width, 3] and `labels.npy` uint8
            [N, height, width]; for images of different sizes instead of the arrays `windows_<number>.npz`, see
            `_windows`.
    """
    serialized = [*tf.data.TFRecordDataset(records.files[VAL_SPLIT]).take(count).as_numpy_iterator()]
    decoded = [image_and_class_map(record, records.record_size, len(records.class_names)) for record in serialized]
    with tf.io.TFRecordWriter(str(folder / "records.tfrecord")) as writer:
        for record in serialized:
            writer.write(record)
    if records.geometry.resize == "crop":
        for number, (image, classes) in enumerate(decoded):
            windows = _windows(image.numpy(), classes.numpy(), records.geometry)
            np.savez(folder / f"windows_{number:04d}.npz", **windows)
        return
    for name, arrays in zip(("images", "labels"), zip(*decoded, strict=True), strict=True):
        with (folder / f"{name}.npy").open("wb") as file:
            save_array(file, np.stack([array.numpy() for array in arrays]))


def _windows(image: NDArray[np.uint8], classes: NDArray[np.uint8], geometry: Geometry) -> dict[str, Any]:
    """Returns what a model with `crop` must do with an image, in a form that is added up without this project's code.

    Returns:
        `image` uint8 [height, width, 3]; `label` uint8 [S, S], its class map, resized; `windows` uint8 [N, S, S, 3] of
        the image, their `places` int [N, 2], top and left, and `weights` float32 [N, S, S].
    """
    rows, columns = geometry.sides
    tops, lefts = window_offsets(classes.shape[0], rows), window_offsets(classes.shape[1], columns)
    of_rows = window_weights(classes.shape[0], rows, tops)
    of_columns = window_weights(classes.shape[1], columns, lefts)
    places = [(top, left) for top in tops for left in lefts]
    return {
        "image": image,
        "label": resize_class_map(classes, geometry.image_size),
        "windows": np.stack([image[top : top + rows, left : left + columns] for top, left in places]),
        "places": np.array(places),
        "weights": np.stack([np.outer(of_row, of_column) for of_row in of_rows for of_column in of_columns]),
    }
