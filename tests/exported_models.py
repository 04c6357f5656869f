"""SavedModels with known results; only the first of a shape is traced and exported, which takes seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from components.run_files import ASSETS_FOLDER, DESCRIPTION_FILE
from tests.made_once import copy_of

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from components.saved_model.description import ModelDescription


def export_linear_model(
    description: ModelDescription, kernel: NDArray[np.float32], bias: NDArray[np.float32], folder: Path
) -> Path:
    """Exports a network of one 1×1 convolution, whose class maps follow from the colours of the pixels.

    Args:
        description: the model's description.
        kernel: [3, C], the weight of each colour channel in each class's score.
        bias: [C].
        folder: the folder to write, which is returned.
    """
    import keras
    import tensorflow as tf

    from components.saved_model.export import export_saved_model

    sides, channels = description.geometry.sides, len(description.class_names)

    def export(model: Path) -> None:
        images = keras.Input((*sides, 3))
        network = keras.Model(images, keras.layers.Conv2D(channels, 1)(images))
        export_saved_model(network, description, model)

    copy_of(("linear", description.geometry, channels), export, folder)
    (folder / ASSETS_FOLDER / DESCRIPTION_FILE).write_text(description.to_json())
    variables = str(folder / "variables/variables")
    reader = tf.train.load_checkpoint(variables)
    tensors = {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}
    for array in (kernel[np.newaxis, np.newaxis], bias):
        (name,) = (name for name, tensor in tensors.items() if np.shape(tensor) == array.shape)
        tensors[name] = array
    tf.raw_ops.SaveV2(
        prefix=variables,
        tensor_names=[*tensors],
        shape_and_slices=[""] * len(tensors),
        tensors=[*tensors.values()],
    )
    return folder
