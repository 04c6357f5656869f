"""The tests of this folder use an object store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faulty_store import BUCKET
from tfds_voc_seg.storage import copy_folder

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faulty_store import FaultyStore


@pytest.fixture(scope="module", autouse=True)
def use_object_store(object_store: FaultyStore) -> None:
    """Starts it."""


@pytest.fixture(scope="module")
def remote_devkit(devkit: Path) -> str:
    """The URI of a copy of the sample devkit in the object store."""
    copy_folder(devkit, f"{BUCKET}/VOCdevkit/VOC2012")
    return f"{BUCKET}/VOCdevkit/VOC2012"
