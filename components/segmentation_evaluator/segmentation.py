"""Runs all models on the same batch of records, which is decoded once, and counts the pixels of each image."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from components.metrics.boundary import valid_boundary
from components.metrics.counts import pixel_counts
from components.saved_model.description import read_description
from components.saved_model.frozen import scores_with_constants, scores_with_variables
from components.saved_model.model_digest import ModelFilesError, model_digest
from components.saved_model.photo_scores import scores_of_images, scores_of_photos, without_padding
from components.saved_model.upsampling import resized_class_map
from components.targets.network import load_network
from components.targets.target_folder import is_target, read_target
from tfds_voc_seg.class_maps import class_map
from tfds_voc_seg.devkit.image_files import ImageFiles
from tfds_voc_seg.devkit.pairs import read_mask
from tfds_voc_seg.photos import as_array, resize_photo
from tfds_voc_seg.records.decoding import image_and_class_map, parse_origin

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from components.saved_model.photo_scores import Score
    from tfds_voc_seg.geometry import Geometry
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
        image: uint8 [height, width, 3], the record's image.
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


@dataclasses.dataclass(frozen=True)
class _LoadedModel:
    """A SavedModel, or an export target in its own runtime.

    Attributes:
        score: the network.
        geometry: how photos are resized for it.
    """

    score: Score
    geometry: Geometry

    @classmethod
    def of(cls, folder: str, *, many: bool) -> _LoadedModel:
        if is_target(folder):
            target = read_target(folder)
            network = load_network(target)
            return cls(lambda images: tf.constant(network.scores(images.numpy())), target.model.geometry)
        model = tf.saved_model.load(folder)
        return cls((scores_with_constants if many else scores_with_variables)(model), read_description(folder).geometry)


_kept: dict[str, _LoadedModel] | None = None
"""Content → model, inside `models_kept`."""


@contextlib.contextmanager
def models_kept() -> Iterator[None]:
    """Keeps each loaded model until the end of the `with` block, so that this process loads it once.

    A Beam job that runs in this process and the example pictures then share the models. Other processes of the job
    load their own.
    """
    global _kept
    _kept = {}
    try:
        yield
    finally:
        _kept = None


def _load(content: str, folder: str, *, many: bool) -> _LoadedModel:
    """Returns the model that is kept for this content, or else loads it from a folder."""
    if _kept is None:
        return _LoadedModel.of(folder, many=many)
    if content not in _kept:
        _kept[content] = _LoadedModel.of(folder, many=many)
    return _kept[content]


def _content(folder: str) -> str:
    """Returns what is equal for models with the same content; a model with links is equal to itself alone."""
    try:
        return model_digest(folder)
    except ModelFilesError:
        return folder


class RecordSegmenter:
    """Runs models on batches of records."""

    def __init__(
        self,
        models: Mapping[str, str],
        geometry: Geometry,
        channels: int,
        masks: tuple[str, RecordConfig] | None,
        *,
        many: bool = True,
    ):
        """Loads the models; those with the same content are loaded, and run, once.

        Args:
            models: name → folder of its SavedModel or export target. A model with another geometry gets the records'
                images in its own, and its scores are resized back.
            geometry: how photos became the records' images.
            channels: number of the masks' channels, K.
            masks: the devkit that contains the original masks, and the configuration that the records were converted
                with; `None` to compare only at the network's size.
            many: prepare the networks for many images, which takes as long as about 100 images.
        """
        self._geometry, self._channels, self._masks = geometry, channels, masks
        self._files = ImageFiles(masks[0]) if masks else None
        self._contents = {name: _content(folder) for name, folder in models.items()}
        folders = {self._contents[name]: folder for name, folder in models.items()}
        self._models = {content: _load(content, folder, many=many) for content, folder in folders.items()}

    def __call__(self, records: Sequence[bytes]) -> Iterator[SegmentedImage]:
        """Decodes a batch of serialized records and runs each model on it.

        Raises:
            PairError: a mask of the devkit cannot be read.
        """
        same_size = self._geometry.resize != "crop"
        for batch in [records] if same_size else [[record] for record in records]:
            yield from self._segment(batch)

    def _segment(self, records: Sequence[bytes]) -> Iterator[SegmentedImage]:
        images, truth, *origins = self._decode(tf.constant(records))
        sizes = tf.stack(origins[1:], axis=1)
        scores = {content: self._scores(model, images, sizes) for content, model in self._models.items()}
        class_maps = {content: _class_map(values).numpy() for content, values in scores.items()}
        ids, heights, widths = (origin.numpy().tolist() for origin in origins)
        images, truth = images.numpy(), truth.numpy()
        for index, (image_id, height, width) in enumerate(zip(ids, heights, widths, strict=True)):
            segmented = {content: {NETWORK_SIZE: maps[index]} for content, maps in class_maps.items()}
            true_maps = {NETWORK_SIZE: truth[index]}
            if self._masks and self._files:
                _, record_config = self._masks
                mask = read_mask(self._files.pair(image_id.decode()), record_config.labels)
                true_maps[ORIGINAL_SIZE] = class_map(mask, record_config)
                for content, values in scores.items():
                    of_photo = without_padding(values[index], self._geometry, mask.shape)
                    segmented[content][ORIGINAL_SIZE] = resized_class_map(as_array(of_photo), *mask.shape)
            predicted = {name: segmented[content] for name, content in self._contents.items()}
            yield SegmentedImage(image_id.decode(), height, width, images[index], true_maps, predicted)

    def _scores(self, model: _LoadedModel, images: tf.Tensor, sizes: tf.Tensor) -> tf.Tensor:
        """Returns a model's scores of the records' images, float32 [batch, height, width, K]."""
        if model.geometry == self._geometry:
            return scores_of_images(images, model.geometry, model.score)
        if {model.geometry.resize, self._geometry.resize} == {"stretch"}:
            return tf.image.resize(model.score(resize_photo(images, model.geometry.sides)), self._geometry.sides)
        return tf.stack([self._other_scores(model, *image) for image in zip(images, sizes, strict=True)])

    def _other_scores(self, model: _LoadedModel, image: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
        """Returns a model's scores of a record's image [height, width, 3]; the model resizes photos in another way."""
        photo = without_padding(image, self._geometry, size)
        scores = scores_of_photos(photo[tf.newaxis], model.geometry, model.score, size)
        rows, columns = photo.shape[:2]
        resized = tf.image.resize(scores, (rows, columns))
        return tf.image.pad_to_bounding_box(resized, *self._geometry.offset((rows, columns)), *image.shape[:2])[0]

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
    def _decode(self, serialized: tf.Tensor) -> Any:
        return tf.map_fn(
            lambda record: (
                *image_and_class_map(record, self._geometry.record_size, self._channels),
                *parse_origin(record),
            ),
            serialized,
            fn_output_signature=(tf.uint8, tf.uint8, tf.string, tf.int64, tf.int64),
        )


def _class_map(scores: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.argmax(scores, axis=-1), tf.uint8)
