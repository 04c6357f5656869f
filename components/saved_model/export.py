"""A trained network as a SavedModel that any TensorFlow can load: preprocessing inside, no code of ours needed."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from etils import epath

from components.run_files import DESCRIPTION_FILE
from components.saved_model.description import ModelDescription
from components.saved_model.request_images import decode_request
from tfds_voc_seg.photos import resize_photo
from tfds_voc_seg.records.decoding import image_and_class_map

SERVING_SIGNATURE = "serving_default"
CLASS_MAP_SIGNATURE = "class_map"
PROBABILITIES_SIGNATURE = "probabilities"
SEGMENT_EXAMPLES_SIGNATURE = "segment_examples"
SEGMENT_IMAGES_SIGNATURE = "segment_images"
SCORE_IMAGES_SIGNATURE = "score_images"


class _Segmenter(tf.Module):
    """The network with its preprocessing and what follows it, as TensorFlow functions."""

    def __init__(self, network: keras.Model, image_size: int, description_file: Path):
        super().__init__()
        self._network = network
        self._image_size = image_size
        self.description = tf.saved_model.Asset(str(description_file))

    def signatures(self) -> dict[str, Any]:
        """Traces the functions: the signature's name → its function."""
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
        scores = self._scores(resize_photo(images, self._image_size))
        return {"class_map": _class_map(tf.image.resize(scores, tf.shape(images)[1:3]))}

    @tf.function
    def score_images(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"scores": self._scores(images)}

    @tf.function  # traced once, called by all
    def _scores(self, images: tf.Tensor) -> tf.Tensor:
        scores = self._network(tf.cast(_at_least_one(images), tf.float32), training=False)
        scores = scores[: tf.shape(images)[0]]
        return tf.cast(scores, tf.float32)  # a network in mixed precision may give float16 or bfloat16


def _at_least_one(images: tf.Tensor) -> tf.Tensor:
    """Puts a black image into an empty batch, whose answer is cut off again.

    oneDNN's convolution gives an empty batch as many channels as its input has, whatever the filters (TensorFlow 2.21),
    and the layer after it fails.
    """
    missing = tf.cast(tf.equal(tf.shape(images)[0], 0), tf.int32)
    return tf.pad(images, [[0, missing], [0, 0], [0, 0], [0, 0]])


def _class_map(scores: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.argmax(scores, axis=-1), tf.uint8)


def export_saved_model(network: keras.Model, description: ModelDescription, folder: epath.PathLike) -> None:
    """Writes a SavedModel with its description among the assets; `docs/serving.md` shows how clients use it.

    With S the network's input size and C the number of classes, the signatures are:

        serving_default: `image_bytes` string [batch], image files of any size → `class_map` uint8 [batch, S, S] and
            `scores` float32 [batch, S, S, C], linear.
        class_map: `image_bytes` as above → `class_map` uint8 [batch, S, S] alone, for a small answer.
        probabilities: `image_bytes` as above → `probabilities` float32 [batch, S, S, C], softmax of the scores.
        segment_examples: `examples` string [batch], serialized records with images of the size S → `class_map` uint8
            [batch, S, S] and `label` uint8 [batch, S, S], the record's own class map with `VOID`.
        segment_images: `images` uint8 [batch, height, width, 3] → `class_map` uint8 [batch, height, width]: scores
            resized to the images' own size, then the argmax.
        score_images: `images` uint8 [batch, S, S, 3], decoded and of the network's size already → `scores` float32
            [batch, S, S, C].

    The loaded model's `description.asset_path` is the path of `assets/segmentation.json`.

    Args:
        network: a network of the contract in `networks`, of any dtype policy, made in or out of a strategy's scope.
        description: what `read_description` will read.
        folder: where the SavedModel goes.
    """
    with tempfile.TemporaryDirectory() as scratch:
        description_file = Path(scratch) / DESCRIPTION_FILE
        description_file.write_text(description.to_json())
        segmenter = _Segmenter(network, description.image_size, description_file)
        tf.saved_model.save(segmenter, str(folder), signatures=segmenter.signatures())
