"""Loads the backbone of a network that this project trained into another one: a detector's VGG-16 into an FCN."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from etils import epath

from components.networks import backbone_blocks
from components.networks.layer_weights import LoadReport, load_by_name, read_layer_weights
from components.run_files import LAYER_WEIGHTS_FILE

if TYPE_CHECKING:
    import keras


def load_backbone(network: keras.Model, folder: epath.PathLike) -> LoadReport:
    """Loads the weights of a trained network's layers into the layers of the same names in a network's backbone.

    Args:
        network: a network with `backbone_blocks`.
        folder: a Model artifact that contains `LAYER_WEIGHTS_FILE`.

    Raises:
        ValueError: the network lists no backbone blocks, the artifact lacks the file, or a layer does not fit.
    """
    names = [name for block in backbone_blocks(network) for name in block]
    if not names:
        raise ValueError("the network lists no backbone blocks, so none can be loaded: set its `backbone_blocks`")
    file = epath.Path(folder) / LAYER_WEIGHTS_FILE
    if not file.is_file():
        raise ValueError(f"{folder} holds no {LAYER_WEIGHTS_FILE}: give a model of a DetectorTrainer")
    with tempfile.TemporaryDirectory() as scratch:
        local = Path(scratch) / LAYER_WEIGHTS_FILE
        file.copy(local)
        report = load_by_name(network, read_layer_weights(local), names)
    wrong = [*report.other_shape, *report.missing]
    if wrong:
        found = report.other_shape.get(wrong[0], "it is not in the file")
        raise ValueError(
            f"the trained backbone does not fit: {len(wrong)} of {len(names)} layers differ, {wrong[0]} first "
            f"({found}); give both networks the same backbone, width and batch_normalization"
        )
    return report
