"""Finds the files of image ids, whatever their suffix and the Unicode form of their names."""

from __future__ import annotations

import unicodedata
from pathlib import PurePath
from typing import TYPE_CHECKING

from tfds_voc_seg.devkit.folders import MASKS_FOLDER, PHOTOS_FOLDER, Pair
from tfds_voc_seg.devkit.problems import DevkitError, Problem
from tfds_voc_seg.storage import is_link_out_of, storage_path

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif")
"""Suffixes of the files that `decode_photo` reads, in lower case; the first one is VOC's."""

MASK_SUFFIXES = (".png",)


class ImageFiles:
    """The photos and masks of a devkit. The two folders are listed once, when the object is created."""

    def __init__(self, devkit: str | Path, masks: str = MASKS_FOLDER):
        """Lists the folders; a folder that does not exist counts as empty.

        Args:
            devkit: the folder that contains `JPEGImages`.
            masks: the name of the folder of the masks.

        Raises:
            DevkitError: a folder cannot be read.
        """
        folder = storage_path(devkit)
        self._photos = _Folder(folder / PHOTOS_FOLDER, PHOTO_SUFFIXES, "photos")
        self._masks = _Folder(folder / masks, MASK_SUFFIXES, "masks")

    def has_photo(self, image_id: str) -> bool:
        """Returns whether there is a photo of this id."""
        return bool(self._photos.files(image_id))

    def has_mask(self, image_id: str) -> bool:
        """Returns whether there is a mask of this id."""
        return bool(self._masks.files(image_id))

    def pair(self, image_id: str) -> Pair:
        """Returns the photo and mask of an image; a missing file gets VOC's suffix."""
        return Pair(image_id, self._photos.file(image_id), self._masks.file(image_id))

    def problems(self, image_id: str, list_file: str) -> list[Problem]:
        """Returns the problems of the two files: missing, empty, or several files with this id.

        Args:
            image_id: the id.
            list_file: the list that contains it, for the advice.
        """
        return [*self._photos.problems(image_id, list_file), *self._masks.problems(image_id, list_file)]


class _Folder:
    """The files of a folder by their names without suffix."""

    def __init__(self, folder: Path, suffixes: Sequence[str], content: str):
        self._folder, self._default_suffix, self._content = folder, suffixes[0], content
        self._names: dict[str, list[str]] = {}
        for name in _names(folder):
            path = PurePath(name)
            if path.suffix.lower() in suffixes:
                self._names.setdefault(_composed(path.stem), []).append(name)

    def files(self, image_id: str) -> list[str]:
        """Returns the paths of the files of an id, sorted."""
        return [str(self._folder / name) for name in sorted(self._names.get(_composed(image_id), []))]

    def file(self, image_id: str) -> str:
        return (self.files(image_id) or [str(self._folder / f"{image_id}{self._default_suffix}")])[0]

    def problems(self, image_id: str, list_file: str) -> list[Problem]:
        file, *others = self.files(image_id) or [self.file(image_id)]
        if others:
            what = f"is not the only one of its id: {' and '.join(others)} {'are' if others[1:] else 'is'} another"
            return [Problem(image_id, file, what, f"keep one of the {self._content} and rename or remove the others")]
        path = storage_path(file)
        if "://" not in file and is_link_out_of(path, self._folder.parent):
            what = f"is a link to {path.resolve()}, outside of the devkit"
            return [Problem(image_id, file, what, "replace the link by the file; `cp -rL` copies a devkit so")]
        missing = _file_problem(path)
        return [Problem(image_id, file, missing, f"restore it or remove the id from {list_file}")] if missing else []


def _names(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir()] if folder.is_dir() else []
    except OSError as error:
        raise DevkitError(f"{folder} cannot be read ({error.strerror or error}): allow access to it") from error


def _composed(name: str) -> str:
    """Returns a name in one Unicode form: "ü" may be stored as one character or, as macOS does, as two."""
    return unicodedata.normalize("NFC", name)


def _file_problem(file: Path) -> str | None:
    """Returns what is wrong with a file that must exist and have content; `None` if nothing is."""
    try:
        if not file.is_file():
            return "is missing"
    except OSError as error:  # no access, or a name that is too long for the file system
        return f"cannot be read ({error.strerror})"
    size = getattr(file.stat(), "length" if "://" in str(file) else "st_size")  # epath uses another name
    return None if size else "is an empty file"
