"""The part of a SavedModel that a target contains: the network on images of its size, without files and records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tensorflow as tf

from components.saved_model.frozen import frozen_signature

if TYPE_CHECKING:
    from etils import epath

INPUT_NAME, OUTPUT_NAME = "images", "scores"


class ScoringModule(tf.Module):
    """The scoring function, with its weights as constants.

    Attributes:
        images: the specification of its input, uint8 [batch, height, width, 3].
        score: `images` → `scores` float32 [batch, height, width, classes], linear, like the signature `score_images`.
    """

    def __init__(self, folder: epath.PathLike, batch: int | None):
        """Loads the SavedModel of a folder that `check_model` accepted.

        Args:
            folder: the SavedModel.
            batch: the number of images that the function takes; `None` for any number, at least 1.
        """
        super().__init__()
        self._frozen = _without_padding_of_empty_batches(str(folder))
        _, *sides = self._frozen.inputs[0].shape
        self.images = tf.TensorSpec([batch, *sides], tf.uint8, name=INPUT_NAME)
        self.score = tf.function(
            lambda images: {OUTPUT_NAME: self._frozen(images)}, input_signature=[self.images], autograph=False
        )


def _without_padding_of_empty_batches(folder: str) -> Any:
    """Returns the signature without its first step, which adds an image to an empty batch.

    The step pads uint8, for which LiteRT has no operation, and gives all tensors a size that is only known at run time,
    which makes LiteRT slower. A target needs no empty batches.
    """
    frozen = frozen_signature(tf.saved_model.load(folder))
    graph = frozen.graph.as_graph_def()
    for node in graph.node:
        if node.op == "Pad" and node.attr["T"].type == tf.uint8.as_datatype_enum:
            node.op = "Identity"
            del node.input[1:]
            del node.attr["Tpaddings"]
    imported = tf.compat.v1.wrap_function(lambda: tf.import_graph_def(graph, name=""), [])
    tensor = imported.graph.get_tensor_by_name
    return imported.prune(tensor(frozen.inputs[0].name), tensor(frozen.outputs[0].name))
