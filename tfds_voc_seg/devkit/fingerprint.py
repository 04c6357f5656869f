"""Hashes the content of a devkit."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from tfds_voc_seg.devkit.folders import MASKS_FOLDER, SBD_MASKS_FOLDER
from tfds_voc_seg.devkit.splits import TrainMasks, listed_files, sbd_list_name, split_names
from tfds_voc_seg.storage import storage_path

if TYPE_CHECKING:
    from pathlib import Path


def fingerprint(devkit: str | Path, train_masks: TrainMasks = "voc", *, boxes: bool = False) -> str:
    """Hashes the split lists and the content of every photo and mask, so that any changed file changes the hash.

    A missing or unreadable file enters the hash as missing; the conversion is what reports it.

    Args:
        devkit: the folder that contains `JPEGImages`.
        train_masks: the masks of the training split, as for `read_training_splits`.
        boxes: also hash the annotations.

    Returns:
        A SHA-256 digest, hexadecimal.

    Raises:
        DevkitError: a list is missing or empty.
    """
    lists = [(split, MASKS_FOLDER) for split in split_names(devkit)]
    if train_masks != "voc" and (enlarged := sbd_list_name(devkit)):
        lists.append((enlarged, SBD_MASKS_FOLDER))
    digest = hashlib.sha256()
    for name, masks in lists:
        for pair in listed_files(devkit, name, masks):
            digest.update(f"{name}/{pair.image_id}\0".encode())
            for file in (pair.photo, pair.mask, *([pair.annotation] if boxes else [])):
                path = storage_path(file)
                digest.update(_content_digest(path))
    return digest.hexdigest()


def _content_digest(path: Path) -> bytes:
    try:
        return hashlib.sha256(path.read_bytes()).digest() if path.is_file() else b"missing"
    except PermissionError:
        return b"missing"
