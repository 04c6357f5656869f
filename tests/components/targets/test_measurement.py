"""Time and memory of a model in a process of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from components.targets.export import export_target
from components.targets.measurement import MeasurementError, measure
from tests.components.saved_model.small_model import export_small_model

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


def test_a_target_needs_less_memory_than_its_saved_model(tmp_path: Path) -> None:
    export_small_model(tmp_path / "model")
    export_target(tmp_path / "model", "litert", tmp_path / "target")
    saved_model, target = (measure(tmp_path / name, 1) for name in ("model", "target"))
    assert saved_model.keys() == target.keys() == {"latency_seconds", "peak_memory_bytes", "load_seconds"}
    assert min(*saved_model.values(), *target.values()) > 0
    assert target["peak_memory_bytes"] < saved_model["peak_memory_bytes"]

    (tmp_path / "target/model.tflite").write_bytes(b"damaged")
    with pytest.raises(MeasurementError, match=r"target cannot be run: .*model.tflite has 7 bytes instead of"):
        measure(tmp_path / "target", 1)
