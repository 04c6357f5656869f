"""Exports a trained network as a SavedModel with its preprocessing; loading it needs TensorFlow and no code of ours."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from components.run_files import DESCRIPTION_FILE
from components.saved_model.photo_scores import scores_of_images, scores_of_photos, without_padding
from components.saved_model.request_images import decode_request, map_decoded
from components.saved_model.signatures import (
    CLASS_MAP_SIGNATURE,
    PROBABILITIES_SIGNATURE,
    SCORE_IMAGES_SIGNATURE,
    SEGMENT_EXAMPLES_SIGNATURE,
    SEGMENT_IMAGES_SIGNATURE,
    SERVING_SIGNATURE,
)
from tfds_voc_seg.image_limits.graph import checked_sides
from tfds_voc_seg.image_limits.limits import longest_side
from tfds_voc_seg.records.decoding import image_and_class_map, parse_origin

if TYPE_CHECKING:
    from etils import epath

    from components.saved_model.description import ModelDescription
    from tfds_voc_seg.geometry import Geometry

_ENCODED = tf.TensorSpec([None], tf.string, name="image_bytes")
_EXAMPLES = tf.TensorSpec([None], tf.string, name="examples")
_IMAGES = tf.TensorSpec([None, None, None, 3], tf.uint8, name="images")


def export_saved_model(network: keras.Model, description: ModelDescription, folder: epath.PathLike) -> None:
    """Writes a SavedModel with its description among the assets; `docs/serving.md` shows how clients use it.

    With S, S the height and width of the network's input and C the number of classes, the signatures are:

        serving_default: `image_bytes` string [batch], image files of any size → `class_map` uint8 [batch, S, S] and
            `scores` float32 [batch, S, S, C], linear.
        class_map: `image_bytes` as above → `class_map` uint8 [batch, S, S] alone, for a small response.
        probabilities: `image_bytes` as above → `probabilities` float32 [batch, S, S, C], softmax of the scores.
        segment_examples: `examples` string [batch], serialized records with images of size S → `class_map` uint8
            [batch, S, S] and `label` uint8 [batch, S, S], the record's own class map with `VOID`.
        segment_images: `images` uint8 [batch, height, width, 3] → `class_map` uint8 [batch, height, width]: the argmax
            of the scores after they are resized to the size of the images.
        score_images: `images` uint8 [batch, S, S, 3], already decoded and resized to S → `scores` float32
            [batch, S, S, C].

    The outputs of the first three cover the whole photo, whatever its shape. If the model pads photos, the graph
    removes the padding and stretches the scores to S × S. With `crop` it slides windows of S × S over the resized
    photo, blends their probabilities, and resizes the logarithms of these, as scores, to S × S, also in
    `segment_examples`; `segment_images` does not lose detail in this way.

    The loaded model's `description.asset_path` is the path of `assets/segmentation.json`.

    Args:
        network: a network that keeps the contract in `components.networks`, with any dtype policy, created inside or
            outside a strategy's scope.
        description: what `read_description` returns for this model.
        folder: the SavedModel's folder.
    """
    with tempfile.TemporaryDirectory() as scratch:
        description_file = Path(scratch) / DESCRIPTION_FILE
        description_file.write_text(description.to_json())
        segmenter = _Segmenter(network, description.geometry, description_file)
        tf.saved_model.save(segmenter, str(folder), signatures=segmenter.signatures)


def with_flip_averaging(network: keras.Model) -> keras.Model:
    """Creates a network that averages the class probabilities of an image and of its mirror image.

    It shares the weights of the given network and takes twice its time. Source: averaging a classifier over the
    horizontal flips of its input, Krizhevsky, Sutskever, Hinton, "ImageNet Classification with Deep Convolutional
    Neural Networks", NIPS 2012, section 4.1; for segmentation, Chen et al., "Encoder-Decoder with Atrous Separable
    Convolution", ECCV 2018, section 4.1.

    Args:
        network: images [batch, height, width, 3] → linear scores [batch, height, width, classes], with any dtype
            policy.

    Returns:
        A network with the same input and output. Its scores are float32 logarithms of the averaged probabilities, so
        that their softmax is the averaged probabilities.
    """
    images = keras.Input(network.input_shape[1:], name="image")
    straight, mirrored = (
        keras.ops.log_softmax(keras.ops.cast(scores, "float32"))
        for scores in (network(images), keras.ops.flip(network(keras.ops.flip(images, axis=2)), axis=2))
    )
    averaged = keras.ops.logaddexp(straight, mirrored) - math.log(2)
    return keras.Model(images, averaged, name=network.name)


class _Segmenter(tf.Module):
    """The network with preprocessing and postprocessing, as TensorFlow functions.

    Each has an input signature and is first traced by `tf.saved_model.save`: what was traced before, or for another
    call, TensorFlow would trace again, and store a second time, the network included. None uses AutoGraph, which would
    take most of the time of an export, except for the network.
    """

    def __init__(self, network: keras.Model, geometry: Geometry, description_file: Path):
        super().__init__()
        self._network = network
        self._geometry = geometry
        self.description = tf.saved_model.Asset(str(description_file))
        resized_images = tf.TensorSpec([None, *geometry.sides, 3], tf.uint8, name="images")
        self.score_images = tf.function(self._score_images, input_signature=[resized_images])

    @property
    def signatures(self) -> dict[str, Any]:
        """Signature name → function."""
        return {
            SERVING_SIGNATURE: self.segment_encoded,
            CLASS_MAP_SIGNATURE: self.class_map_of_encoded,
            PROBABILITIES_SIGNATURE: self.probabilities_of_encoded,
            SEGMENT_EXAMPLES_SIGNATURE: self.segment_examples,
            SEGMENT_IMAGES_SIGNATURE: self.segment_images,
            SCORE_IMAGES_SIGNATURE: self.score_images,
        }

    @tf.function(input_signature=[_ENCODED], autograph=False)
    def segment_encoded(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        scores = self._of_files(image_bytes)
        return {"class_map": _class_map(scores), "scores": scores}

    @tf.function(input_signature=[_ENCODED], autograph=False)
    def class_map_of_encoded(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"class_map": self.segment_encoded(image_bytes)["class_map"]}

    @tf.function(input_signature=[_ENCODED], autograph=False)
    def probabilities_of_encoded(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"probabilities": tf.nn.softmax(self.segment_encoded(image_bytes)["scores"])}

    @tf.function(input_signature=[_EXAMPLES], autograph=False)
    def segment_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        if self._geometry.resize == "crop":
            class_map, label = self._of_cropped_examples(examples)
            return {"class_map": class_map, "label": label}
        images, label = self._of_examples(examples)
        return {"class_map": _class_map(self._scores(images)), "label": label}

    def _of_examples(self, examples: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the images and class maps of records of the network's size."""
        sides, channels = self._geometry.sides, self._network.output_shape[-1]
        images, label = tf.map_fn(
            lambda serialized: image_and_class_map(serialized, sides, channels),
            examples,
            fn_output_signature=(tf.TensorSpec([*sides, 3], tf.uint8), tf.TensorSpec(sides, tf.uint8)),
        )
        return images, label

    def _of_cropped_examples(self, examples: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Segments records that have images of different sizes; the results are stretched to the network's input."""
        geometry, channels = self._geometry, self._network.output_shape[-1]

        def segment(serialized: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            image, classes = image_and_class_map(serialized, geometry, channels)
            _, *size = parse_origin(serialized)
            scores = scores_of_images(image[tf.newaxis], geometry, self._scores)[0]
            scores, classes = (without_padding(values, geometry, size) for values in (scores, classes[..., tf.newaxis]))
            rows, columns = (
                (2 * tf.range(side) + 1) * length // (2 * side)  # as in `resize_class_map`
                for side, length in zip(geometry.sides, tf.unstack(tf.shape(classes)[:2]), strict=True)
            )
            label = tf.gather(tf.gather(classes[..., 0], rows), columns, axis=1)
            return _class_map(tf.image.resize(scores, geometry.sides)), label

        spec = tf.TensorSpec(geometry.sides, tf.uint8)
        class_map, label = tf.map_fn(segment, examples, fn_output_signature=(spec, spec), parallel_iterations=1)
        return class_map, label

    @tf.function(input_signature=[_IMAGES], autograph=False)
    def segment_images(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        images = checked_sides(images, longest_side(self._geometry.resizing_side))
        scores = scores_of_photos(images, self._geometry, self._scores)
        return {"class_map": _class_map(tf.image.resize(scores, tf.shape(images)[1:3]))}

    def _of_files(self, image_bytes: tf.Tensor) -> tf.Tensor:
        """Returns the scores of image files, stretched to the size of the network's input, whatever a photo's shape."""
        geometry, sides = self._geometry, self._geometry.sides
        of_photo = tf.TensorSpec([*sides, self._network.output_shape[-1]], tf.float32)
        if geometry.resize == "crop":  # the windows of one photo at a time: each photo has its own number
            return map_decoded(
                image_bytes,
                geometry,
                lambda photo: tf.image.resize(scores_of_photos(photo[tf.newaxis], geometry, self._scores), sides)[0],
                of_photo,
            )
        images, sizes = decode_request(image_bytes, geometry)
        scores = self._scores(images)
        if geometry.resize == "stretch":
            return scores
        return tf.map_fn(
            lambda scored: tf.image.resize(without_padding(scored[0], geometry, scored[1]), sides),
            (scores, sizes),
            fn_output_signature=of_photo,
        )

    def _scores(self, images: tf.Tensor) -> tf.Tensor:
        scores: tf.Tensor = self.score_images(tf.ensure_shape(images, [None, *self._geometry.sides, 3]))["scores"]
        return scores

    def _score_images(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        scores = self._network(tf.cast(_pad_empty_batch(images), tf.float32), training=False)
        scores = scores[: tf.shape(images)[0]]
        return {"scores": tf.cast(scores, tf.float32)}  # a network in mixed precision may return float16 or bfloat16


def _pad_empty_batch(images: tf.Tensor) -> tf.Tensor:
    """Adds a black image to an empty batch; the caller removes its scores.

    For an empty batch, oneDNN's convolution returns as many channels as its input has, whatever the number of filters
    (TensorFlow 2.21), and the next layer fails. So it does if floats are padded: oneDNN joins padding and convolution.
    """
    missing = tf.cast(tf.equal(tf.shape(images)[0], 0), tf.int32)
    return tf.pad(images, [[0, missing], [0, 0], [0, 0], [0, 0]])


def _class_map(scores: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.argmax(scores, axis=-1), tf.uint8)
