"""Import of COCO annotations compared with pycocotools' decoding and PNG writing, and peak memory.

    python -m benchmarks.coco_import

Images of 640 × 480 pixels with 8 random polygons each. The import also links the photos, checks their sizes and writes
lists and report. Its masks must equal the reference's.
"""

from __future__ import annotations

import functools
import itertools
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from benchmarks.measuring.command import main
from benchmarks.measuring.memory import flat_memory, peak_memory_of_process
from benchmarks.measuring.row import Row, Target
from benchmarks.measuring.timing import in_turns, milliseconds, paired
from tfds_voc_seg.importers.coco import read_coco
from tfds_voc_seg.importers.devkit import write_devkit
from tfds_voc_seg.importers.report import ImportReport
from tfds_voc_seg.importers.source import ReaderOptions
from tfds_voc_seg.importers.splits import SplitOptions
from tfds_voc_seg.labels import voc_palette

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.measuring.options import Options

OBJECTS, HEIGHT, WIDTH, CATEGORIES = 8, 480, 640, 20


def write_source(folder: Path, images: int) -> None:
    """Writes a new folder with `annotations.json` and the photos, which are links to a single one."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    photo = folder / "000000.jpg"
    Image.fromarray(rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)).save(photo)
    entries: list[dict[str, object]] = []
    annotations: list[dict[str, object]] = []
    for number in range(images):
        name = f"{number:06d}.jpg"
        if number:
            os.link(photo, folder / name)
        entries.append({"id": number, "file_name": name, "height": HEIGHT, "width": WIDTH})
        for _ in range(OBJECTS):
            points, area = _blob(rng)
            annotations.append(
                {
                    "id": len(annotations),
                    "image_id": number,
                    "category_id": int(rng.integers(1, CATEGORIES + 1)),
                    "segmentation": [points],
                    "area": area,
                    "iscrowd": 0,
                }
            )
    categories = [{"id": key, "name": f"class {key}"} for key in range(1, CATEGORIES + 1)]
    content = {"images": entries, "annotations": annotations, "categories": categories}
    (folder / "annotations.json").write_text(json.dumps(content))


def _blob(rng: np.random.Generator) -> tuple[list[float], int]:
    """Draws an uneven outline of 30 points: x, y, x, y and so on, and its area as pycocotools counts it."""
    from pycocotools import mask

    angles = np.linspace(0, 2 * np.pi, 30, endpoint=False)
    radii = rng.uniform(10, 120) * rng.uniform(0.7, 1.3, 30)
    x = np.clip(rng.uniform(0, WIDTH) + radii * np.cos(angles), 0, WIDTH)
    y = np.clip(rng.uniform(0, HEIGHT) + radii * np.sin(angles), 0, HEIGHT)
    points = np.stack([x, y], axis=-1).round(2).ravel().tolist()
    return points, int(mask.area(mask.frPyObjects([points], HEIGHT, WIDTH))[0])


def run_import(source: Path, devkit: Path) -> None:
    """Imports the source."""
    report = ImportReport()
    write_devkit(read_coco(source, ReaderOptions(), report), devkit, SplitOptions(), report, folders=[source], about={})


def rows(options: Options) -> Iterator[Row]:
    """Yields the rows of the time and the memory.

    Raises:
        RuntimeError: the imported masks differ from those of the reference.
    """
    from benchmarks.reference.coco_masks import write_masks

    few, many = options.size((250, 1_000), (40, 160))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for images in (few, many):
            write_source(folder / f"source_{images}", images)
        source, numbers = folder / f"source_{many}", itertools.count()
        write, palette = functools.partial(write_masks, source / "annotations.json"), voc_palette()
        rounds = in_turns(
            options.rounds_of(full=3, quick=3),
            lambda: milliseconds(lambda: run_import(source, folder / f"devkit_{next(numbers)}"), many),
            lambda: milliseconds(lambda: write(folder / f"reference_{next(numbers)}", palette), many),
        )
        if not _masks_are_equal(folder / "devkit_0", folder / "reference_1"):
            raise RuntimeError("the imported masks differ from those of pycocotools")
        yield Row(
            f"import of {many:,} COCO images",
            "pycocotools' decoding and PNG writing",
            "ms/image",
            paired(rounds),
            Target(1.3),
        )
        yield flat_memory("COCO import", "images", peak_memory, (few, many), options, folder)


def peak_memory(images: int, folder: Path) -> float:
    """Returns this process's peak memory in GB after an import; called in a new process."""
    with tempfile.TemporaryDirectory(dir=folder) as scratch:  # on the same disk, because photos are linked
        run_import(folder / f"source_{images}", Path(scratch) / "devkit")
    return peak_memory_of_process()


def _masks_are_equal(devkit: Path, reference: Path) -> bool:
    return all(
        np.array_equal(_indices(file), _indices(devkit / "SegmentationClass" / file.name))
        for file in reference.iterdir()
    )


def _indices(file: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    with Image.open(file) as image:
        return np.asarray(image)


if __name__ == "__main__":
    main(rows)
