"""Small sources that the tests write, and a reading of the devkits that does not use the pipeline."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from pipeline import cli

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

HEIGHT, WIDTH = 6, 8


def write_photo(file: Path, *, seed: int = 0, size: tuple[int, int] = (HEIGHT, WIDTH), **options: Any) -> None:
    """Writes a photo of random colours; the ending gives the format."""
    file.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
    Image.fromarray(pixels).save(file, **options)


def write_mask(file: Path, values: Any, mode: str | None = None) -> None:
    """Writes an array as a grey or RGB image."""
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(values, np.uint8), mode).save(file)


def half(left: int, right: int) -> NDArray[np.uint8]:
    """A mask whose left half has one value and whose right half has another."""
    mask = np.full((HEIGHT, WIDTH), left, np.uint8)
    mask[:, WIDTH // 2 :] = right
    return mask


def run_import(source_format: str, source: Path, devkit: Path, *options: str) -> int:
    """Runs `vocseg data import`."""
    return cli.main(["data", "import", source_format, str(source), str(devkit), *options])


def lists(devkit: Path) -> dict[str, list[str]]:
    """The ids of each list."""
    folder = devkit / "ImageSets" / "Segmentation"
    return {file.stem: file.read_text().split() for file in sorted(folder.iterdir())}


def all_ids(devkit: Path) -> list[str]:
    """The ids of all lists, sorted."""
    return sorted(image_id for ids in lists(devkit).values() for image_id in ids)


def read_devkit_mask(devkit: Path, image_id: str) -> NDArray[np.uint8]:
    """The palette indices of a mask."""
    with Image.open(devkit / "SegmentationClass" / f"{image_id}.png") as image:
        assert image.mode == "P"
        return np.array(image)


def report(devkit: Path) -> dict[str, Any]:
    """The report of an import."""
    content: dict[str, Any] = json.loads((devkit / "import_report.json").read_text())
    return content


def found(devkit: Path, reason: str) -> list[str]:
    """The images of the report's findings with a reason."""
    return [finding["image"] for finding in report(devkit)["findings"] if finding["reason"] == reason]
