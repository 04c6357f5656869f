"""Converts a SavedModel to ONNX with tf2onnx, which, unlike Keras' own export, does not need the network's code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
import tf2onnx

from components.targets.scoring_function import ScoringModule

if TYPE_CHECKING:
    from etils import epath

_OPSET = 18
"""The version of ONNX' operations; the newest that tf2onnx writes. ONNX Runtime knows it since version 1.14."""


def convert_to_onnx(folder: epath.PathLike, *, batch: int | None = None) -> bytes:
    """Converts a SavedModel.

    Args:
        folder: a SavedModel that `check_model` accepted.
        batch: the number of images that the model takes; `None` for any number.

    Returns:
        The content of the model file.

    Raises:
        onnxruntime's exceptions: the model has an operation that ONNX does not have; tf2onnx only logs that.
    """
    module = ScoringModule(folder, batch)
    handlers: dict[str, tuple[Any, list[Any]]] = {"Log1p": (_log1p, [])}
    model, _ = tf2onnx.convert.from_function(module.score, [module.images], opset=_OPSET, custom_op_handlers=handlers)
    content: bytes = model.SerializeToString()
    onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return content


def _log1p(graph: Any, node: Any, name: str, _: list[Any]) -> Any:
    """Replaces log(1 + x), which the averaging of a mirrored photo needs and tf2onnx does not know."""
    one = graph.make_const(f"{name}/one", np.ones((), np.float32)).output[0]
    graph.insert_new_node_on_input(node, "Add", [node.input[0], one])
    node.type = "Log"
    return node
