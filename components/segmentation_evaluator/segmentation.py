"""Runs all models on the same batch of records, which is decoded once, and counts the pixels of each image."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from components.metrics.boundary import valid_boundary
from components.metrics.counts import pixel_counts
from components.saved_model.description import read_description
from components.saved_model.signatures import SCORE_IMAGES_SIGNATURE
from components.saved_model.upsampling import resized_class_map
from tfds_voc_seg.class_maps import class_map
from tfds_voc_seg.devkit.image_files import ImageFiles
from tfds_voc_seg.devkit.pairs import read_mask
from tfds_voc_seg.photos import resize_photo
from tfds_voc_seg.records.decoding import image_and_class_map, parse_origin

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from tfds_voc_seg.record_config import RecordConfig

NETWORK_SIZE, ORIGINAL_SIZE = "network", "original"
"""The sizes at which predictions are compared with the truth: the network's size and the photo's original size."""


@dataclasses.dataclass(frozen=True)
class SegmentedImage:
    """An image with its true class maps and the models' predictions.

    Attributes:
        image_id: VOC's image id.
        height: height of the original photo in pixels.
        width: width of the original photo in pixels.
        image: uint8 [S, S, 3], the image at the network's size.
        truth: size → uint8 [height, width], class ids and `VOID`.
        predicted: model → size → uint8 [height, width], class ids.
    """

    image_id: str
    height: int
    width: int
    image: NDArray[np.uint8]
    truth: Mapping[str, NDArray[np.uint8]]
    predicted: Mapping[str, Mapping[str, NDArray[np.uint8]]]

    def counts(self, num_classes: int) -> dict[str, dict[str, NDArray[np.int64]]]:
        """Counts pixels: model → size → int64 [K, K + 3], see `counts.pixel_counts`."""
        boundaries = {size: valid_boundary(truth) for size, truth in self.truth.items()}
        return {
            model: {
                size: pixel_counts(self.truth[size], classes, num_classes, boundaries[size])
                for size, classes in by_size.items()
            }
            for model, by_size in self.predicted.items()
        }


class RecordSegmenter:
    """Runs models on batches of records."""

    def __init__(
        self, models: Mapping[str, str], image_size: int, channels: int, masks: tuple[str, RecordConfig] | None
    ):
        """Loads the models.

        Args:
            models: name → folder of its SavedModel. If a model's input has another size, the images are resized to
                that size and the scores are resized back.
            image_size: height and width of image and mask in pixels.
            channels: number of the masks' channels, K.
            masks: the devkit that contains the original masks, and the configuration that the records were converted
                with; `None` to compare only at the network's size.
        """
        self._image_size, self._channels, self._masks = image_size, channels, masks
        self._files = ImageFiles(masks[0]) if masks else None
        self._loaded = {name: tf.saved_model.load(folder) for name, folder in models.items()}
        self._signatures = {name: model.signatures[SCORE_IMAGES_SIGNATURE] for name, model in self._loaded.items()}
        self._model_sizes = {name: read_description(folder).image_size for name, folder in models.items()}

    def __call__(self, records: Sequence[bytes]) -> Iterator[SegmentedImage]:
        """Decodes a batch of serialized records and runs each model on it.

        Raises:
            PairError: a mask of the devkit cannot be read.
        """
        images, truth, *origins = self._decode(tf.constant(records))
        scores = {name: self._scores(name, images) for name in self._signatures}
        class_maps = {name: _class_map(values).numpy() for name, values in scores.items()}
        ids, heights, widths = (origin.numpy().tolist() for origin in origins)
        images, truth = images.numpy(), truth.numpy()
        for index, (image_id, height, width) in enumerate(zip(ids, heights, widths, strict=True)):
            predicted = {name: {NETWORK_SIZE: maps[index]} for name, maps in class_maps.items()}
            true_maps = {NETWORK_SIZE: truth[index]}
            if self._masks and self._files:
                _, record_config = self._masks
                mask = read_mask(self._files.pair(image_id.decode()), record_config.labels)
                true_maps[ORIGINAL_SIZE] = class_map(mask, record_config)
                for name, values in scores.items():
                    predicted[name][ORIGINAL_SIZE] = resized_class_map(values[index], *mask.shape)
            yield SegmentedImage(image_id.decode(), height, width, images[index], true_maps, predicted)

    def _scores(self, name: str, images: tf.Tensor) -> tf.Tensor:
        score, size = self._signatures[name], self._model_sizes[name]
        if size == self._image_size:
            return score(images=images)["scores"]
        return tf.image.resize(score(images=resize_photo(images, size))["scores"], [self._image_size] * 2)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def _decode(self, serialized: tf.Tensor) -> Any:
        return tf.map_fn(
            lambda record: (*image_and_class_map(record, self._image_size, self._channels), *parse_origin(record)),
            serialized,
            fn_output_signature=(tf.uint8, tf.uint8, tf.string, tf.int64, tf.int64),
        )


def _class_map(scores: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.argmax(scores, axis=-1), tf.uint8)
