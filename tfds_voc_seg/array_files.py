"""Writes numpy's arrays to files so that every error of the disk is noticed."""

from __future__ import annotations

import types
from typing import IO, TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def save_array(file: IO[bytes], array: NDArray[Any]) -> None:
    """Writes an array to an open file in numpy's format.

    `numpy.save` writes to a file of the operating system with C's streams. It then reports an error without its cause,
    and ignores one at the end, so that a truncated file looks complete. Other objects are written with their own
    `write`.

    Args:
        file: a buffered file, which is open for writing.
        array: an array of any type but objects.

    Raises:
        OSError: the file cannot be written.
    """
    np.save(types.SimpleNamespace(write=file.write), array, allow_pickle=False)
