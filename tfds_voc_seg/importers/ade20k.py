"""Reads ADE20K as the SceneParsing benchmark publishes it (`ADEChallengeData2016`); `ade20k_full.py` reads all of it.

`images/training`, `images/validation` and the same below `annotations`. Value 0 of a mask means "other" and is void;
1 to 150 are the classes that `objectInfo150.txt` names.
Source: Zhou et al., "Scene Parsing through ADE20K Dataset", CVPR 2017.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from tfds_voc_seg.importers.ade20k_full import MASK_END, is_full_set, read_full_ade20k, short_names
from tfds_voc_seg.importers.folders import read_folders
from tfds_voc_seg.importers.source import ReaderOptions, Source, SourceError
from tfds_voc_seg.label_set import LabelSet, default_colors

if TYPE_CHECKING:
    from pathlib import Path

    from tfds_voc_seg.importers.report import ImportReport

NAMES_FILE = "objectInfo150.txt"
_FOLDER = "ADEChallengeData2016"


def read_ade20k(source: Path, options: ReaderOptions, report: ImportReport) -> Source:
    """Lists the photos with their masks. The label set is that of the options, or else that of `objectInfo150.txt`.

    Raises:
        SourceError: the folders or the names of the classes are missing, or the options do not fit.
    """
    if is_full_set(source):
        return read_full_ade20k(source, options, report)
    if options.classes:
        raise SourceError(f"--classes: {_FOLDER} has classes of its own; select from them with data.classes")
    source = source / _FOLDER if (source / _FOLDER).is_dir() else source
    if not (source / "images").is_dir() or not (source / "annotations").is_dir():
        raise SourceError(
            f"{source} must contain the folders images and annotations, as the archive {_FOLDER} does, or photos with "
            f"their {MASK_END} and .json, as the full set does"
        )
    labels = options.labels or read_names(source / NAMES_FILE)
    return read_folders(source, dataclasses.replace(options, labels=labels), report)


def read_names(file: Path) -> LabelSet:
    """Reads the classes of `objectInfo150.txt`: columns separated by tabs, the id first and the names last.

    Of several names of a class the first is used, or all if another class has the same first name.

    Raises:
        SourceError: the file is missing or has another form.
    """
    try:
        rows = [line.split("\t") for line in file.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{file} cannot be read: {error}; it names the classes (or use --labels)") from error
    rows = [row for row in rows if row[0].strip().isdecimal()]
    if not rows:
        raise SourceError(f"{file} has no line that begins with the number of a class")
    names = short_names([row[-1].strip() for row in rows])
    colors = default_colors(len(names) + 1)[1:]  # black is for "other" in the benchmark's pictures
    return LabelSet(tuple(names), tuple(int(row[0]) for row in rows), colors, void_ids=(0,), masks="index")
