"""Files with the features and the class maps of a sequence of batches, written part by part.

A folder holds numbered parts in numpy's format. Each part is complete or absent, so that a killed computation continues
after its last part; the manifest is written after the last one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from etils import epath

from components.manifest import find_damage, has_manifest, write_manifest
from tfds_voc_seg.array_files import save_array
from tfds_voc_seg.storage import written_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

PART_BYTES = 64 * 2**20
"""The size of a part, rounded to whole batches: what a computation holds in memory, and what a kill loses."""

CLASSES = "classes"
"""The field of a row that holds the class map."""

Batch = tuple["NDArray[np.uint8]", "Sequence[NDArray[Any]]"]
"""Class maps uint8 [batch, height, width], and several features [batch, height, width, channels]."""


def row_type(class_map: tuple[int, int], shapes: Sequence[tuple[int, ...]]) -> np.dtype[Any]:
    """Describes what is stored per image: the class map and the features, in float16.

    Args:
        class_map: height and width of the class map.
        shapes: the shape of each of the features of one image.
    """
    features = [(feature_field(index), np.float16, shape) for index, shape in enumerate(shapes)]
    return np.dtype([(CLASSES, np.uint8, class_map), *features])


def feature_field(index: int) -> str:
    """Returns the field of a row that holds features number `index`."""
    return f"features{index}"


class FeatureFiles:
    """A folder with one row per image.

    Args:
        folder: the folder; its parent must exist.
        row: see `row_type`.
        batch_size: images per batch.
        batches: the number of batches.
    """

    def __init__(self, folder: epath.PathLike, row: np.dtype[Any], batch_size: int, batches: int):
        self._folder, self._row, self._batch_size, self.batches = epath.Path(folder), row, batch_size, batches
        self._batches_per_part = max(1, PART_BYTES // (row.itemsize * batch_size))

    @property
    def is_complete(self) -> bool:
        """Whether all parts exist and are intact."""
        return has_manifest(self._folder) and find_damage(self._folder) is None

    @property
    def total_bytes(self) -> int:
        """The size of all parts together."""
        return self.batches * self._batch_size * self._row.itemsize

    @property
    def missing_bytes(self) -> int:
        """How many bytes the missing parts will need."""
        return (self.batches - self.finished_batches) * self._batch_size * self._row.itemsize

    @property
    def finished_batches(self) -> int:
        """The number of batches in the parts up to the first one that is missing."""
        parts = 0
        while parts * self._batches_per_part < self.batches and self._part(parts).exists():
            parts += 1
        return min(self.batches, parts * self._batches_per_part)

    def write(self, make_batches: Callable[[int], Iterable[Batch]]) -> None:
        """Writes the missing parts; damaged files are written again.

        Args:
            make_batches: makes the batches from the one with the given number on.

        Raises:
            ValueError: a feature is not finite in float16.
            OSError: a part cannot be written.
        """
        if self.is_complete:
            return
        if has_manifest(self._folder):
            self._folder.rmtree()
        self._folder.mkdir(exist_ok=True)
        finished = self.finished_batches
        part: list[NDArray[Any]] = []
        for number, batch in enumerate(make_batches(finished), finished + 1):
            part.append(self._rows(*batch))
            if number % self._batches_per_part == 0 or number == self.batches:
                path = self._part((number - 1) // self._batches_per_part)
                with written_whole(path) as unfinished, unfinished.open("wb") as stream:
                    save_array(stream, np.concatenate(part))
                part.clear()
        write_manifest(self._folder)

    def open(self) -> FeatureRows:
        """Opens complete files for reading."""
        parts = -(-self.batches // self._batches_per_part)
        return FeatureRows(
            [np.load(self._part(part), mmap_mode="r") for part in range(parts)],
            self._batches_per_part * self._batch_size,
        )

    def _part(self, number: int) -> epath.Path:
        return self._folder / f"{number:05}.npy"

    def _rows(self, classes: NDArray[np.uint8], features: Sequence[NDArray[Any]]) -> NDArray[Any]:
        rows = np.empty(len(classes), self._row)
        rows[CLASSES] = classes
        for index, values in enumerate(features):
            rows[feature_field(index)] = values
            if not np.isfinite(rows[feature_field(index)]).all():
                raise ValueError(
                    "the features of the frozen blocks are not finite in float16, the format of the cache: "
                    "remove training.cached_images"
                )
        return rows


class FeatureRows:
    """Reads rows by their numbers, without loading the others into memory.

    Args:
        parts: the parts, mapped into memory.
        rows_per_part: the number of rows of each part but the last.
    """

    def __init__(self, parts: Sequence[NDArray[Any]], rows_per_part: int):
        self._parts, self._rows_per_part = parts, rows_per_part

    @property
    def row(self) -> np.dtype[Any]:
        """The type of a row, see `row_type`."""
        return self._parts[0].dtype

    def read(self, numbers: NDArray[np.int64]) -> NDArray[Any]:
        """Reads rows in the order of their numbers in `numbers`."""
        rows = np.empty(len(numbers), self.row)
        for position, (part, row) in enumerate(zip(*np.divmod(numbers, self._rows_per_part), strict=True)):
            rows[position] = self._parts[part][row]
        return rows
