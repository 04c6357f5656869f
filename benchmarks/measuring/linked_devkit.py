"""A devkit with many pairs that takes little disk: each file of a small devkit has many names."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from tfds_voc_seg.devkit.folders import MASKS_FOLDER, PHOTOS_FOLDER, split_list_file
from tfds_voc_seg.devkit.splits import SPLITS, read_split

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def write_linked_devkit(devkit: Path, folder: Path, pairs: Mapping[str, int], copies: int) -> None:
    """Writes a devkit with the first pairs of another one, each of them many times.

    The first copy of a file is a copy, because hard links cannot lead to another file system; the others are hard links
    to it, which a devkit may contain. Links with a target path are refused if they lead out of a devkit.

    Args:
        devkit: the other devkit.
        folder: the new devkit; it must not exist.
        pairs: split → how many pairs of the other devkit.
        copies: how often each of them occurs.
    """
    for name in (PHOTOS_FOLDER, MASKS_FOLDER, split_list_file(folder, SPLITS[0]).parent.relative_to(folder)):
        (folder / name).mkdir(parents=True)
    for split in SPLITS:
        chosen = read_split(devkit, split).pairs[: pairs[split]]
        for pair in chosen:
            for file, place, suffix in ((pair.photo, PHOTOS_FOLDER, "jpg"), (pair.mask, MASKS_FOLDER, "png")):
                first, *others = (folder / place / f"{pair.image_id}-{copy}.{suffix}" for copy in range(copies))
                shutil.copyfile(file, first)
                for other in others:
                    os.link(first, other)
        names = (f"{pair.image_id}-{copy}\n" for copy in range(copies) for pair in chosen)
        split_list_file(folder, split).write_text("".join(names))
