"""Tests of tfds_voc_seg.array_files."""

from __future__ import annotations

import errno
import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tfds_voc_seg.array_files import save_array

if TYPE_CHECKING:
    from pathlib import Path

SPACE = 4096


class SmallFile(io.FileIO):
    """A file on a full disk."""

    def write(self, data: Any) -> int:
        if self.tell() + len(data) > SPACE:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(data)


@pytest.mark.parametrize("shape", [(), (0, 3), (7, 5)])
@pytest.mark.parametrize("dtype", ["float16", "int64", [("classes", "u1", (2,)), ("features", "f2", (3, 2))]])
def test_arrays_survive(tmp_path: Path, shape: tuple[int, ...], dtype: Any) -> None:
    array = np.ones(shape, dtype)
    with (tmp_path / "array.npy").open("wb") as file:
        save_array(file, array)
        save_array(file, array[..., None])
    with (tmp_path / "array.npy").open("rb") as file:
        for expected in (array, array[..., None]):
            read = np.load(file)
            assert (read.dtype, read.shape) == (expected.dtype, expected.shape)
            assert read.tobytes() == expected.tobytes()


def test_a_full_disk_is_noticed_and_the_error_names_it(tmp_path: Path) -> None:
    with SmallFile(tmp_path / "array.npy", "wb") as file, pytest.raises(OSError, match="No space left") as error:
        save_array(file, np.zeros(SPACE))
    assert error.value.errno == errno.ENOSPC
