"""Runs a SavedModel and its targets on the same records, and counts the pixels of each class."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from components.metrics.confusion import confusion_matrix, mean_iou
from components.metrics.counts import json_number
from components.saved_model.frozen import load_scores
from components.saved_model.photo_scores import scores_of_images
from components.targets.comparison import Comparison, compare
from components.targets.network import load_network
from components.targets.target_folder import read_target
from tfds_voc_seg.records.decoding import image_and_class_map

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from etils import epath
    from numpy.typing import NDArray

    from components.saved_model.photo_scores import Score
    from components.targets.names import TargetName
    from components.targets.network import TargetNetwork
    from tfds_voc_seg.records.files import Records

_RECORDS_AT_ONCE = 8


def score_targets(
    saved_model: epath.PathLike, targets: Mapping[TargetName, epath.PathLike], records: Records, threads: int
) -> tuple[float | None, dict[TargetName, Comparison]]:
    """Compares targets with their SavedModel on the split that models are compared by, at the network's size.

    Args:
        saved_model: the folder of the SavedModel.
        targets: target → its folder.
        records: the records.
        threads: how many threads the runtimes of the targets use.

    Returns:
        The mean IoU of the SavedModel, `None` if no pixel has a class; target → its comparison.

    Raises:
        TargetError: a target is damaged.
        ValueError, RuntimeError: a runtime cannot run a target.
    """
    networks = {name: load_network(read_target(folder), threads) for name, folder in targets.items()}
    scores: dict[str, Score] = {"": load_scores(saved_model)}
    scores |= {name: functools.partial(_scores_of_target, network) for name, network in networks.items()}
    confusions: dict[str, list[NDArray[np.int64]]] = {name: [] for name in scores}
    equal, pixels = dict.fromkeys(scores, 0), 0
    at_once = 1 if records.geometry.resize == "crop" else _RECORDS_AT_ONCE  # cropped images differ in size
    files = records.files[records.evaluation_split]
    for serialized in tf.data.TFRecordDataset(files).batch(at_once).as_numpy_iterator():
        images, truths = _decoded(serialized, records)
        class_maps = {
            name: tf.argmax(scores_of_images(images, records.geometry, score), axis=-1).numpy().astype(np.uint8)
            for name, score in scores.items()
        }
        pixels += class_maps[""].size
        for model, maps in class_maps.items():
            equal[model] += int((maps == class_maps[""]).sum())
            pairs = zip(truths, maps, strict=True)
            confusions[model] += [confusion_matrix(*pair, len(records.class_names)) for pair in pairs]
    counts = {name: np.stack(matrices) for name, matrices in confusions.items()}
    reference = counts.pop("")
    compared = {name: compare(reference, counts[name], equal[name] / pixels) for name in networks}
    return json_number(mean_iou(reference.sum(axis=0))), compared


def _scores_of_target(network: TargetNetwork, images: tf.Tensor) -> tf.Tensor:
    return tf.constant(network.scores(images.numpy()))


def _decoded(serialized: Sequence[bytes], records: Records) -> tuple[tf.Tensor, list[NDArray[np.uint8]]]:
    """Returns the images, uint8 [batch, height, width, 3], and the class map of each."""
    decoded = [image_and_class_map(record, records.record_size, len(records.class_names)) for record in serialized]
    return tf.stack([image for image, _ in decoded]), [class_map.numpy() for _, class_map in decoded]
