"""Errors of TensorFlow reach the commands as errors that do not need TensorFlow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import pytest
import tensorflow as tf

from components.saved_model.frozen import scores_with_constants
from pipeline.engines import tensorflow_engine
from pipeline.engines.engine import EngineError
from pipeline.engines.tensorflow_engine import TensorflowEngine

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (tf.errors.ResourceExhaustedError(None, None, "OOM when allocating"), MemoryError),
        (tf.errors.InvalidArgumentError(None, None, "{{node x}} bad image [[x]]"), EngineError),
    ],
)
def test_errors_need_no_tensorflow(
    error: Exception, expected: type[Exception], run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = TensorflowEngine(run_folder / "serving/7")

    def fail(_: Any) -> NoReturn:
        raise error

    monkeypatch.setattr(engine, "_score", fail)
    with pytest.raises(expected, match=r"^(OOM when allocating|bad image)$"):
        engine.scores(np.zeros((1, 32, 32, 3), np.uint8))


def test_many_images_in_batches_get_constant_weights_and_the_same_scores(
    run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    converted: list[Any] = []

    def convert(model: Any) -> Any:
        converted.append(model)
        return scores_with_constants(model)

    monkeypatch.setattr(tensorflow_engine, "scores_with_constants", convert)
    engine = TensorflowEngine(run_folder / "serving/7")
    images = np.random.default_rng(0).integers(0, 256, (tensorflow_engine.MANY // 2, 32, 32, 3), np.uint8)
    for _ in range(tensorflow_engine.MANY):
        engine.scores(images[:1])
    first = engine.scores(images)
    assert not converted
    for _ in range(3):
        np.testing.assert_allclose(engine.scores(images), first, atol=1e-5)
    assert len(converted) == 1
