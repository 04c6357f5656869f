"""Folders that several tests need: they are made once per process, and each test gets a copy that it may change."""

from __future__ import annotations

import functools
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfds_voc_seg.sample.devkit import write_sample_devkit

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

_made: dict[Hashable, Path] = {}


@functools.cache
def _scratch() -> tempfile.TemporaryDirectory[str]:
    """A folder that is removed when the process ends."""
    return tempfile.TemporaryDirectory(prefix="made_once")


def copy_of(key: Hashable, make: Callable[[Path], Any], folder: Path) -> Path:
    """Copies the folder that the first call with the key made in this process; returns the copy.

    Args:
        key: stands for everything that the content depends on.
        make: writes a folder.
        folder: the folder to write.
    """
    if key not in _made:
        first = Path(tempfile.mkdtemp(dir=_scratch().name)) / "first"
        make(first)
        _made[key] = first
    return Path(shutil.copytree(_made[key], folder))


def copy_of_sample(folder: Path, train_images: int, val_images: int) -> Path:
    """Writes the devkit of `write_sample_devkit`, which draws an image in 30 ms; returns its folder."""

    def draw(first: Path) -> None:
        write_sample_devkit(first, train_images=train_images, val_images=val_images)

    return copy_of(("sample", train_images, val_images), draw, folder)
