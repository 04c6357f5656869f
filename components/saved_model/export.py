"""Exports a trained network as a SavedModel with its preprocessing; loading it needs TensorFlow and no code of ours."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from components.run_files import DESCRIPTION_FILE
from components.saved_model.request_images import decode_request
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
from tfds_voc_seg.photos import resize_photo
from tfds_voc_seg.records.decoding import image_and_class_map

if TYPE_CHECKING:
    from etils import epath

    from components.saved_model.description import ModelDescription


def export_saved_model(network: keras.Model, description: ModelDescription, folder: epath.PathLike) -> None:
    """Writes a SavedModel with its description among the assets; `docs/serving.md` shows how clients use it.

    With S the network's input size and C the number of classes, the signatures are:

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
        segmenter = _Segmenter(network, description.image_size, description_file)
        tf.saved_model.save(segmenter, str(folder), signatures=segmenter.signatures())


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
    """The network with preprocessing and postprocessing, as TensorFlow functions."""

    def __init__(self, network: keras.Model, image_size: int, description_file: Path):
        super().__init__()
        self._network = network
        self._image_size = image_size
        self.description = tf.saved_model.Asset(str(description_file))

    def signatures(self) -> dict[str, Any]:
        """Traces the functions; returns signature name → concrete function."""
        encoded = tf.TensorSpec([None], tf.string, name="image_bytes")
        examples = tf.TensorSpec([None], tf.string, name="examples")
        images = tf.TensorSpec([None, None, None, 3], tf.uint8, name="images")
        size = self._image_size
        resized_images = tf.TensorSpec([None, size, size, 3], tf.uint8, name="images")
        return {
            SERVING_SIGNATURE: self.segment_encoded.get_concrete_function(encoded),
            CLASS_MAP_SIGNATURE: self.class_map_of_encoded.get_concrete_function(encoded),
            PROBABILITIES_SIGNATURE: self.probabilities_of_encoded.get_concrete_function(encoded),
            SEGMENT_EXAMPLES_SIGNATURE: self.segment_examples.get_concrete_function(examples),
            SEGMENT_IMAGES_SIGNATURE: self.segment_images.get_concrete_function(images),
            SCORE_IMAGES_SIGNATURE: self.score_images.get_concrete_function(resized_images),
        }

    @tf.function
    def segment_encoded(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        scores = self._scores(decode_request(image_bytes, self._image_size))
        return {"class_map": _class_map(scores), "scores": scores}

    @tf.function
    def class_map_of_encoded(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"class_map": self.segment_encoded(image_bytes)["class_map"]}

    @tf.function
    def probabilities_of_encoded(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"probabilities": tf.nn.softmax(self.segment_encoded(image_bytes)["scores"])}

    @tf.function
    def segment_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        size, channels = self._image_size, self._network.output_shape[-1]
        images, label = tf.map_fn(
            lambda serialized: image_and_class_map(serialized, size, channels),
            examples,
            fn_output_signature=(tf.TensorSpec([size, size, 3], tf.uint8), tf.TensorSpec([size, size], tf.uint8)),
        )
        return {"class_map": _class_map(self._scores(images)), "label": label}

    @tf.function
    def segment_images(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        images = checked_sides(images, longest_side(self._image_size))
        scores = self._scores(resize_photo(images, self._image_size))
        return {"class_map": _class_map(tf.image.resize(scores, tf.shape(images)[1:3]))}

    @tf.function
    def score_images(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"scores": self._scores(images)}

    @tf.function  # traced once, called by all signatures
    def _scores(self, images: tf.Tensor) -> tf.Tensor:
        scores = self._network(tf.cast(_pad_empty_batch(images), tf.float32), training=False)
        scores = scores[: tf.shape(images)[0]]
        return tf.cast(scores, tf.float32)  # a network in mixed precision may return float16 or bfloat16


def _pad_empty_batch(images: tf.Tensor) -> tf.Tensor:
    """Adds a black image to an empty batch; the caller removes its scores.

    For an empty batch, oneDNN's convolution returns as many channels as its input has, whatever the number of filters
    (TensorFlow 2.21), and the next layer fails.
    """
    missing = tf.cast(tf.equal(tf.shape(images)[0], 0), tf.int32)
    return tf.pad(images, [[0, missing], [0, 0], [0, 0], [0, 0]])


def _class_map(scores: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.argmax(scores, axis=-1), tf.uint8)
