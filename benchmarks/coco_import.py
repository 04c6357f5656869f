"""Import of COCO annotations compared with pycocotools' decoding and PNG writing, and peak memory.

    python -m benchmarks.coco_import

1,000 images of 640 × 480 pixels with 8 random polygons each. The two alternate; each time is the best of two passes.
The import also links the photos, checks their sizes and writes lists and report. Its masks must equal the reference's.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks._measuring import peak_memory_of_process, print_peaks
from tfds_voc_seg.importers.coco import read_coco
from tfds_voc_seg.importers.devkit import write_devkit
from tfds_voc_seg.importers.report import ImportReport
from tfds_voc_seg.importers.source import ReaderOptions
from tfds_voc_seg.importers.splits import SplitOptions
from tfds_voc_seg.labels import voc_palette

IMAGES, OBJECTS, HEIGHT, WIDTH, CATEGORIES, PASSES = 1000, 8, 480, 640, 20, 2


def write_source(folder: Path, images: int) -> None:
    """Writes `annotations.json` and the photos, which are links to a single one."""
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


def peak_memory(folder: Path, images: int) -> float:
    """Returns this process's peak memory in GB after an import; called in a new process."""
    run_import(folder / f"source_{images}", folder / f"memory_{images}")
    return peak_memory_of_process()


def _masks_are_equal(devkit: Path, reference: Path) -> bool:
    return all(
        np.array_equal(_indices(file), _indices(devkit / "SegmentationClass" / file.name))
        for file in reference.iterdir()
    )


def _indices(file: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    with Image.open(file) as image:
        return np.asarray(image)


def main() -> None:
    """Measures and prints the table."""
    from benchmarks.reference.coco_masks import write_masks

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for images in (IMAGES // 4, IMAGES):
            source = folder / f"source_{images}"
            source.mkdir()
            write_source(source, images)
        times = {"pycocotools and PNG": np.inf, "import": np.inf}
        for number in range(PASSES):
            reference, devkit = folder / f"reference_{number}", folder / f"devkit_{number}"
            reference.mkdir()
            started = time.monotonic()
            write_masks(source / "annotations.json", reference, voc_palette())
            between = time.monotonic()
            run_import(source, devkit)
            times["import"] = min(times["import"], time.monotonic() - between)
            times["pycocotools and PNG"] = min(times["pycocotools and PNG"], between - started)
        if not _masks_are_equal(devkit, reference):
            sys.exit("the masks differ from those of pycocotools")
        print(f"{'':22}{'seconds':>9}{'× pycocotools':>15}")
        for name, seconds in times.items():
            print(f"{name:22}{seconds:9.2f}{seconds / times['pycocotools and PNG']:15.2f}")
        print_peaks("images", peak_memory, folder, (IMAGES // 4, IMAGES))


if __name__ == "__main__":
    main()
