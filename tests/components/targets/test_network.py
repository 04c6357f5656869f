"""The runtimes take any number of images, also if the model file has a fixed batch."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from etils import epath
from onnx import TensorProto, helper

from components.saved_model.description import ModelDescription
from components.targets.network import load_network
from components.targets.target_folder import TargetDescription, TargetModel, Tensor

if TYPE_CHECKING:
    from pathlib import Path

SHAPE = (4, 5, 3)


def onnx_target(folder: Path, batch: int | None) -> TargetModel:
    """Writes a model whose scores are the colours."""
    sides = [batch or "batch", *SHAPE]
    images, scores = (
        helper.make_tensor_value_info(name, kind, sides)
        for name, kind in (("images", TensorProto.UINT8), ("scores", TensorProto.FLOAT))
    )
    cast = helper.make_node("Cast", ["images"], ["scores"], to=TensorProto.FLOAT)
    graph = helper.make_graph([cast], "colours", [images], [scores])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, str(folder / "model.onnx"))
    shape = (batch, *SHAPE)
    tensors = Tensor("images", "uint8", shape, ""), Tensor("scores", "float32", shape, "")
    target = TargetDescription("onnx", "model.onnx", 1, "", "", tensors[0], tensors[1], (), ())
    description = ModelDescription(("a", "b", "c"), (4, 5), "colours", {}, {}, 0, 0.0)
    return TargetModel(epath.Path(folder), description, target)


@pytest.mark.parametrize("batch", [None, 1, 2])
@pytest.mark.parametrize("count", [1, 3])
def test_onnx_runtime_scores_each_image(batch: int | None, count: int, tmp_path: Path) -> None:
    network = load_network(onnx_target(tmp_path, batch), threads=1)
    images = np.random.default_rng(0).integers(0, 256, (count, *SHAPE), np.uint8)
    scores = network.scores(images)
    assert str(scores.dtype) == "float32"
    np.testing.assert_array_equal(scores, images)
    sums = network.map_scores(images, lambda number, of_image: (number, of_image.sum()))
    assert sums == [(number, image.sum()) for number, image in enumerate(images)]


def test_a_damaged_model_is_a_value_error(tmp_path: Path) -> None:
    target = onnx_target(tmp_path, None)
    (tmp_path / "model.onnx").write_bytes(b"damaged")
    with pytest.raises(ValueError, match=r"model.onnx"):
        load_network(target, threads=1)


@pytest.mark.parametrize("tensor", ["input", "output"])
def test_a_model_file_of_other_shapes_than_described_is_refused(tensor: str, tmp_path: Path) -> None:
    found = onnx_target(tmp_path, 1)
    other = dataclasses.replace(getattr(found.target, tensor), shape=(2, *SHAPE))
    described = dataclasses.replace(found, target=dataclasses.replace(found.target, **{tensor: other}))
    with pytest.raises(ValueError, match=r"has tensors of the shapes .*, its description says .*\[2, 4, 5, 3\]"):
        load_network(described, threads=1)
