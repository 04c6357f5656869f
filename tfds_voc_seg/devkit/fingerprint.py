"""Hashes the content of a devkit."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from tfds_voc_seg.devkit.folders import ANNOTATIONS_FOLDER, MASKS_FOLDER, PHOTOS_FOLDER, SBD_MASKS_FOLDER
from tfds_voc_seg.devkit.splits import TrainMasks, read_image_ids, sbd_list_name, split_names
from tfds_voc_seg.storage import storage_path

if TYPE_CHECKING:
    from pathlib import Path


def fingerprint(devkit: str | Path, train_masks: TrainMasks = "voc", *, boxes: bool = False) -> str:
    """Hashes the split lists and the content of every photo and mask, so that any changed file changes the hash.

    A missing file enters the hash as missing; the conversion is what reports it.

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
        for image_id in read_image_ids(devkit, name):
            digest.update(f"{name}/{image_id}\0".encode())
            annotation = [f"{ANNOTATIONS_FOLDER}/{image_id}.xml"] if boxes else []
            for file in (f"{PHOTOS_FOLDER}/{image_id}.jpg", f"{masks}/{image_id}.png", *annotation):
                path = storage_path(devkit) / file
                digest.update(hashlib.sha256(path.read_bytes()).digest() if path.is_file() else b"missing")
    return digest.hexdigest()
