"""A trained network as a SavedModel that any TensorFlow can load: preprocessing inside, no code of ours needed."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import keras
import tensorflow as tf
from etils import epath

from tfds_voc_seg.encoding import decode_photo, resize_photo

SEGMENT_IMAGES_SIGNATURE = "segment_images"
_DESCRIPTION_FILE = "assets.extra/segmentation.json"


@dataclasses.dataclass(frozen=True)
class ModelDescription:
    """What a published model says of itself.

    Attributes:
        class_names: the names of the class ids, background first.
        image_size: height and width of the network's input, pixels.
        network: the network's name.
        options: the network's options.
        training: the training's settings.
        parameters: trained and untrained parameters of the network.
        train_seconds: how long the training took.
    """

    class_names: tuple[str, ...]
    image_size: int
    network: str
    options: dict[str, Any]
    training: dict[str, Any]
    parameters: int
    train_seconds: float


class _Segmenter(tf.Module):
    """The network with its preprocessing and the argmax, as TensorFlow functions."""

    def __init__(self, network: keras.Model, image_size: int):
        super().__init__()
        self._network = network
        self._image_size = image_size

    @tf.function
    def segment_encoded(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        images = tf.map_fn(
            lambda encoded: resize_photo(decode_photo(encoded), self._image_size),
            image_bytes,
            fn_output_signature=tf.TensorSpec([self._image_size, self._image_size, 3], tf.uint8),
        )
        return {"class_map": _class_map(self._scores(images))}

    @tf.function
    def segment_images(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        scores = self._scores(resize_photo(images, self._image_size))
        return {"class_map": _class_map(tf.image.resize(scores, tf.shape(images)[1:3]))}

    def _scores(self, images: tf.Tensor) -> tf.Tensor:
        return self._network(tf.cast(images, tf.float32), training=False)


def _class_map(scores: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.argmax(scores, axis=-1), tf.uint8)


def export_saved_model(network: keras.Model, description: ModelDescription, folder: epath.PathLike) -> None:
    """Writes a SavedModel and, in its `assets.extra`, what it is.

    Signatures:
        serving_default: `image_bytes` string [batch], JPEG or PNG files of any size → `class_map` uint8
            [batch, image_size, image_size], at the network's size.
        segment_images: `images` uint8 [batch, height, width, 3] → `class_map` uint8 [batch, height, width]: scores
            resized to the images' own size, then the argmax.

    Args:
        network: a network of the contract in `networks`.
        description: goes into `assets.extra/segmentation.json`.
        folder: where the SavedModel goes.
    """
    segmenter = _Segmenter(network, description.image_size)
    tf.saved_model.save(
        segmenter,
        str(folder),
        signatures={
            "serving_default": segmenter.segment_encoded.get_concrete_function(
                tf.TensorSpec([None], tf.string, name="image_bytes")
            ),
            SEGMENT_IMAGES_SIGNATURE: segmenter.segment_images.get_concrete_function(
                tf.TensorSpec([None, None, None, 3], tf.uint8, name="images")
            ),
        },
    )
    description_file = epath.Path(folder) / _DESCRIPTION_FILE
    description_file.parent.mkdir(parents=True, exist_ok=True)
    description_file.write_text(json.dumps(dataclasses.asdict(description), indent=2))


def read_description(folder: epath.PathLike) -> ModelDescription:
    """Reads what a SavedModel of this project says of itself.

    Raises:
        ValueError: the folder holds no such description.
    """
    path = epath.Path(folder) / _DESCRIPTION_FILE
    known = {field.name for field in dataclasses.fields(ModelDescription)}
    try:
        values = json.loads(path.read_text())
        values = {name: value for name, value in values.items() if name in known}  # a later version may say more
        return ModelDescription(**{**values, "class_names": tuple(values["class_names"])})
    except (OSError, json.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(f"{folder} is not a model of this project: {path} can't be read ({error})") from error
