"""Changes the split lists of a devkit for a test."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def move_to_test_split(devkit: Path, images: int) -> list[str]:
    """Moves the last images of the train list to the test list; returns their ids."""
    lists = devkit / "ImageSets/Segmentation"
    image_ids = (lists / "train.txt").read_text().split()
    (lists / "train.txt").write_text("\n".join(image_ids[:-images]))
    (lists / "test.txt").write_text("\n".join(image_ids[-images:]))
    return image_ids[-images:]
