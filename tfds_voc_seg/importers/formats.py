"""The formats that can be imported."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfds_voc_seg.importers.source import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tfds_voc_seg.importers.report import ImportReport
    from tfds_voc_seg.importers.source import ReaderOptions, Source

    Reader = Callable[[Path, ReaderOptions, ImportReport], Source]


def reader_of(name: str) -> Reader:
    """Returns the reader of a format; only its own libraries are imported.

    Raises:
        ModuleNotFoundError: a library of the extra `import` is not installed.
        SourceError: the format is unknown.
    """
    if name == "folders":
        from tfds_voc_seg.importers.folders import read_folders

        return read_folders
    if name == "coco":
        from tfds_voc_seg.importers.coco import read_coco

        return read_coco
    if name == "cityscapes":
        from tfds_voc_seg.importers.cityscapes import read_cityscapes

        return read_cityscapes
    if name == "ade20k":
        from tfds_voc_seg.importers.ade20k import read_ade20k

        return read_ade20k
    if name == "labelme":
        from tfds_voc_seg.importers.labelme import read_labelme

        return read_labelme
    if name == "cvat":
        from tfds_voc_seg.importers.cvat import read_cvat

        return read_cvat
    raise SourceError(f"unknown format {name!r}")
