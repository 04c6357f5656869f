"""Finds the label set of a devkit, and checks that a devkit is read with its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfds_voc_seg.devkit.folders import find_devkit
from tfds_voc_seg.devkit.problems import DevkitError
from tfds_voc_seg.label_set import VOC_LABELS, LabelSet, LabelSetError
from tfds_voc_seg.label_set_files import find_label_set, label_set_file

if TYPE_CHECKING:
    from pathlib import Path


def devkit_labels(folder: str | Path) -> LabelSet:
    """Reads the label set of the devkit in a folder; VOC's if the devkit describes none, or if there is no devkit.

    A folder without a devkit is no error here: it is reported when its photos are read.

    Raises:
        DevkitError: the devkit's file is invalid or cannot be read.
    """
    try:
        devkit = find_devkit(folder)
    except DevkitError:
        return VOC_LABELS
    try:
        return find_label_set(devkit)
    except LabelSetError as error:
        raise DevkitError(str(error)) from error


def check_labels(devkit: str | Path, labels: LabelSet) -> None:
    """Checks that a devkit that describes its classes is not read with those of VOC.

    Another label set than VOC's was named on purpose, so it may differ from the devkit's.

    Raises:
        DevkitError: the devkit describes other classes, or its file is invalid.
    """
    if labels != VOC_LABELS or (found := devkit_labels(devkit)) == VOC_LABELS:
        return
    file = label_set_file(find_devkit(devkit))
    raise DevkitError(
        f"{file} describes the classes {', '.join(found.names[:5])} …, but the configuration has those of VOC: "
        f"set data.labels={file}, or VocSegConfig(labels={str(file)!r}) for TFDS"
    )
