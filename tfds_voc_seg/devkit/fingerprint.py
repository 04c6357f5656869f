"""A hash of a devkit's content."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tfds_voc_seg.devkit.folders import ANNOTATIONS_FOLDER, MASKS_FOLDER, SBD_MASKS_FOLDER
from tfds_voc_seg.devkit.splits import SPLITS, TrainMasks, read_image_ids, sbd_list_name
from tfds_voc_seg.storage import storage_path


def fingerprint(devkit: str | Path, train_masks: TrainMasks = "voc", *, boxes: bool = False) -> str:
    """Hashes the lists and the content of every photo and mask, so that a changed file is a changed input.

    A file that is missing counts as such: what it does to a conversion is the conversion's to say.

    Args:
        devkit: the folder that holds `JPEGImages`.
        train_masks: as for `read_training_splits`.
        boxes: hash the annotations too.

    Returns:
        A SHA-256 hex digest.

    Raises:
        DevkitError: a list is missing or empty.
    """
    lists = [(split, MASKS_FOLDER) for split in SPLITS]
    if train_masks != "voc" and (enlarged := sbd_list_name(devkit)):
        lists.append((enlarged, SBD_MASKS_FOLDER))
    digest = hashlib.sha256()
    for name, masks in lists:
        for image_id in read_image_ids(devkit, name):
            digest.update(f"{name}/{image_id}\0".encode())
            annotation = [f"{ANNOTATIONS_FOLDER}/{image_id}.xml"] if boxes else []
            for file in (f"JPEGImages/{image_id}.jpg", f"{masks}/{image_id}.png", *annotation):
                path = storage_path(devkit) / file
                digest.update(hashlib.sha256(path.read_bytes()).digest() if path.is_file() else b"missing")
    return digest.hexdigest()
