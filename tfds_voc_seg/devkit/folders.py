"""The folders of a VOC devkit: its photos, masks, annotations and split lists."""

from __future__ import annotations

import dataclasses
import unicodedata
from typing import TYPE_CHECKING

from tfds_voc_seg.devkit.problems import DevkitError, Problem
from tfds_voc_seg.storage import StorageError, storage_path

if TYPE_CHECKING:
    from pathlib import Path

PHOTOS_FOLDER = "JPEGImages"
MASKS_FOLDER = "SegmentationClass"
SBD_MASKS_FOLDER = "SegmentationClassAug"
"""The masks of the Semantic Boundaries Dataset, which some devkits contain in addition."""
ANNOTATIONS_FOLDER = "Annotations"
SPLIT_LISTS_FOLDER = "ImageSets/Segmentation"

_REQUIRED_FOLDERS = (PHOTOS_FOLDER, MASKS_FOLDER, SPLIT_LISTS_FOLDER)
_NESTED_DEVKITS = ("", "VOC2012", "VOCdevkit/VOC2012")


@dataclasses.dataclass(frozen=True)
class Pair:
    """A photo and its segmentation mask.

    Attributes:
        image_id: name of the image in the split lists, e.g. `2007_000033`.
        photo: path of the photo's file.
        mask: path of the mask's PNG file.
    """

    image_id: str
    photo: str
    mask: str

    @property
    def annotation(self) -> str:
        """Path of the XML file with the image's objects; the file may not exist."""
        folder = storage_path(self.photo).parent.parent / ANNOTATIONS_FOLDER
        forms = (self.image_id, *(unicodedata.normalize(form, self.image_id) for form in ("NFC", "NFD")))
        files = [folder / f"{form}.xml" for form in forms]
        return str(next((file for file in files[1:] if forms[1] != forms[2] and file.is_file()), files[0]))


class PairError(DevkitError):
    """A pair that cannot be used; `problems` contains exactly one problem."""

    def __init__(self, pair: Pair, file: str, what: str, advice: str):
        problem = Problem(pair.image_id, file, what, advice)
        super().__init__(str(problem), [problem])


def devkit_path(place: str | Path) -> Path:
    """Returns the path of a devkit on this machine or, for a URI, in an object store, without checking that it exists.

    Raises:
        DevkitError: the URI's storage is not supported.
    """
    try:
        return storage_path(place)
    except StorageError as error:
        raise DevkitError(str(error)) from error


def find_devkit(folder: str | Path) -> Path:
    """Returns the devkit in `folder`: the folder itself, its `VOC2012` or its `VOCdevkit/VOC2012`.

    Raises:
        DevkitError: none of them contains photos, masks and split lists, or the object store cannot be opened.
    """
    for nested in _NESTED_DEVKITS:
        candidate = devkit_path(folder) / nested
        if all(_is_folder(candidate / name) for name in _REQUIRED_FOLDERS):
            return candidate if "://" in str(candidate) else candidate.resolve()
    missing = [name for name in _REQUIRED_FOLDERS if not _is_folder(devkit_path(folder) / name)]
    raise DevkitError(
        f"{folder} is not a VOC devkit: it has no {', '.join(missing)}. "
        "Use the folder that contains them, usually VOCdevkit/VOC2012."
    )


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except PermissionError as error:
        raise DevkitError(f"{path} cannot be opened ({error.strerror}): allow access to it") from error
    except Exception as error:
        if isinstance(error, OSError) and "://" not in str(path):
            raise DevkitError(f"{path} cannot be opened ({error.strerror})") from error
        # The libraries of the object stores raise different errors for wrong credentials, hosts and names.
        raise DevkitError(f"{path} cannot be opened ({type(error).__name__}: {error})") from error


def split_list_file(devkit: str | Path, split: str) -> Path:
    """Returns the path of a split's list, without checking that it exists."""
    return storage_path(devkit) / SPLIT_LISTS_FOLDER / f"{split}.txt"
