"""What the folders above a file say: whether it is a photo or a mask, and its split."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from tfds_voc_seg.importers.source import SPLIT_NAMES, Split

if TYPE_CHECKING:
    from pathlib import Path

PHOTO_FOLDERS = ("images", "image", "imgs", "img", "photos", "jpegimages")
"""Names of folders with photos, in lower case."""

MASK_FOLDERS = ("masks", "mask", "labels", "annotations", "gt", "segmentationclass")
"""Names of folders with masks, in lower case."""


@dataclasses.dataclass(frozen=True)
class PlacedFile:
    """An image file, and what the folders above it say.

    Attributes:
        path: the file.
        name: the rest of its path, without the suffix.
        split: the split that a folder names.
        role: whether a folder is one of photos or of masks; `None` if no folder says it.
    """

    path: Path
    name: str
    split: Split | None
    role: str | None


def placed_file(path: Path, folder: Path) -> PlacedFile:
    """Returns what the folders between `folder` and a file say about it."""
    parts = list(path.relative_to(folder).with_suffix("").parts)
    split: Split | None = None
    role: str | None = None
    while len(parts) > 1:
        head = parts[0].lower()
        if split is None and head in SPLIT_NAMES:
            split = SPLIT_NAMES[head]
        elif role is None and head in (*PHOTO_FOLDERS, *MASK_FOLDERS):
            role = "photo" if head in PHOTO_FOLDERS else "mask"
        else:
            break
        parts.pop(0)
    return PlacedFile(path, "/".join(parts), split, role)
