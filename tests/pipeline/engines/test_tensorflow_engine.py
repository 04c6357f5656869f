"""Errors of TensorFlow reach the commands as errors that do not need TensorFlow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import pytest
import tensorflow as tf

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

    def fail(**_: Any) -> NoReturn:
        raise error

    monkeypatch.setattr(engine, "_signature", fail)
    with pytest.raises(expected, match=r"^(OOM when allocating|bad image)$"):
        engine.scores(np.zeros((1, 32, 32, 3), np.uint8))
