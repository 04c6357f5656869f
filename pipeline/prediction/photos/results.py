"""The result files of a photo: class map, overlay and, on request, probabilities and pixel shares."""

from __future__ import annotations

import dataclasses
import json
import zipfile
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.lib import format as npy

from pipeline.prediction.inputs import Input
from pipeline.prediction.segmentation import Segmentation

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.prediction.output_files import Writer

_PNG_COMPRESSION = 1  # for photos a fifth of the default level's time, and files a few percent larger

_ResultWriter = Callable[[BinaryIO, Input, Segmentation], Any]
"""Writes one kind of result."""


@dataclasses.dataclass(frozen=True)
class PhotoResultOptions:
    """Which results are written for photos.

    Attributes:
        output: the folder of the results.
        alpha: opacity of the classes' colours in overlays, 0 to 1.
        legend: draw a legend of the classes below overlays.
        contours: draw the outlines of the classes in overlays.
        probabilities: also write the probabilities of all classes.
        shares: also write the share of the pixels that each class has.
    """

    output: Path
    alpha: float = 0.5
    legend: bool = True
    contours: bool = False
    probabilities: bool = False
    shares: bool = False

    def files(self, name: str) -> list[Path]:
        """Returns the paths of the results that have this name."""
        return [self.output / folder / f"{name}{suffix}" for folder, suffix, _ in self._kinds()]

    def writers(self, photo: Input, result: Segmentation) -> dict[Path, Writer]:
        """Returns path → writer, for all results of a photo."""
        writers = [writer for _, _, writer in self._kinds()]
        return {
            path: _bound(writer, photo, result) for path, writer in zip(self.files(photo.name), writers, strict=True)
        }

    def _kinds(self) -> list[tuple[str, str, _ResultWriter]]:
        """Folder, suffix and writer of each kind of result."""
        kinds: list[tuple[str, str, _ResultWriter]] = [
            ("class_maps", ".png", _write_class_map),
            ("overlays", ".png", self._write_overlay),
        ]
        if self.probabilities:
            kinds.append(("probabilities", ".npz", _write_probabilities))
        if self.shares:
            kinds.append(("shares", ".json", _write_shares))
        return kinds

    def _write_overlay(self, file: BinaryIO, _: Input, result: Segmentation) -> None:
        picture = result.overlay(self.alpha, legend=self.legend, contours=self.contours)
        picture.save(file, "PNG", compress_level=_PNG_COMPRESSION)


def _bound(writer: _ResultWriter, photo: Input, result: Segmentation) -> Writer:
    return lambda file: writer(file, photo, result)


def _write_class_map(file: BinaryIO, _: Input, result: Segmentation) -> None:
    result.mask().save(file, "PNG")


def _write_probabilities(file: BinaryIO, _: Input, result: Segmentation) -> None:
    """Writes what `np.savez` would, without holding the probabilities of a large photo, which take gigabytes."""
    shape = (*result.class_map.shape, len(result.class_names))
    header = {"descr": npy.dtype_to_descr(np.dtype(np.float32)), "fortran_order": False, "shape": shape}
    with zipfile.ZipFile(file, "w") as archive:
        with archive.open("probabilities.npy", "w", force_zip64=True) as entry:
            npy.write_array_header_1_0(entry, header)
            for rows in result.probability_rows():
                entry.write(np.ascontiguousarray(rows).data)
        with archive.open("class_names.npy", "w") as entry:
            npy.write_array(entry, np.array(result.class_names), allow_pickle=False)


def _write_shares(file: BinaryIO, photo: Input, result: Segmentation) -> None:
    height, width = result.class_map.shape
    content = {
        "source": photo.display_name,
        "width": width,
        "height": height,
        "pixel_shares": result.pixel_shares,
    }
    file.write(json.dumps(content, indent=2, ensure_ascii=False).encode())
