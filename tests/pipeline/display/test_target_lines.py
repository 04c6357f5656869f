"""What a run prints about its targets."""

from __future__ import annotations

from pipeline.display.tables import target_lines


def test_each_target_has_a_line() -> None:
    targets = {
        "onnx": {"published": True, "reason": None},
        "litert_int8": {
            "published": False,
            "reason": "its mean IoU is 0.2000 below the SavedModel's, and 0.01 is allowed",
        },
    }
    assert target_lines({"targets": targets}) == [
        "target onnx: published",
        "target litert_int8: not published, its mean IoU is 0.2000 below the SavedModel's, and 0.01 is allowed",
    ]
    assert target_lines({"targets": {}}) == []
