"""The files that are written for a photo."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from pipeline.prediction.inputs import Input
from pipeline.prediction.outputs import Writer
from pipeline.prediction.segmentation import Segmentation

_QUICK = 1  # PNG's compression: a fifth of the default level's time for photos, a few percent more bytes


@dataclasses.dataclass(frozen=True)
class ResultOptions:
    """What is written.

    Attributes:
        output: the folder.
        alpha: how much of a class's colour shows in overlays, 0 to 1.
        legend: name the classes below them.
        contours: draw outlines.
        probabilities: write the probabilities of all classes too.
        shares: write the classes' shares of the pixels too.
    """

    output: Path
    alpha: float = 0.5
    legend: bool = True
    contours: bool = False
    probabilities: bool = False
    shares: bool = False

    def files(self, name: str) -> list[Path]:
        """Where the results of that name go."""
        return [self.output / folder / f"{name}{suffix}" for folder, suffix, _ in self._kinds()]

    def writers(self, photo: Input, result: Segmentation) -> dict[Path, Writer]:
        """What writes each of them."""
        makers = [maker for _, _, maker in self._kinds()]
        return {path: _bound(maker, photo, result) for path, maker in zip(self.files(photo.name), makers, strict=True)}

    def _kinds(self) -> list[tuple[str, str, Maker]]:
        kinds: list[tuple[str, str, Maker]] = [
            ("class_maps", ".png", lambda file, _, result: result.mask().save(file, "PNG")),
            ("overlays", ".png", self._write_overlay),
        ]
        if self.probabilities:
            kinds.append(("probabilities", ".npz", _write_probabilities))
        if self.shares:
            kinds.append(("shares", ".json", _write_shares))
        return kinds

    def _write_overlay(self, file: BinaryIO, _: Input, result: Segmentation) -> None:
        picture = result.overlay(self.alpha, legend=self.legend, contours=self.contours)
        picture.save(file, "PNG", compress_level=_QUICK)


Maker = Callable[[BinaryIO, Input, Segmentation], Any]


def _bound(maker: Maker, photo: Input, result: Segmentation) -> Writer:
    return lambda file: maker(file, photo, result)


def _write_probabilities(file: BinaryIO, _: Input, result: Segmentation) -> None:
    np.savez(file, probabilities=result.probabilities, class_names=np.array(result.class_names))


def _write_shares(file: BinaryIO, photo: Input, result: Segmentation) -> None:
    height, width = result.class_map.shape
    said = {"source": photo.shown, "width": width, "height": height, "pixel_shares": result.pixel_shares}
    file.write(json.dumps(said, indent=2, ensure_ascii=False).encode())
