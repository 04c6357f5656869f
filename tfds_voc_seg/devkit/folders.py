"""Where a VOC devkit keeps its photos, masks, annotations and split lists."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from tfds_voc_seg.devkit.problems import DevkitError, Problem
from tfds_voc_seg.storage import StorageError, storage_path

_FOLDERS = ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation")


MASKS_FOLDER, SBD_MASKS_FOLDER = "SegmentationClass", "SegmentationClassAug"


ANNOTATIONS_FOLDER = "Annotations"


_NESTED_DEVKITS = ("", "VOC2012", "VOCdevkit/VOC2012")


@dataclasses.dataclass(frozen=True)
class Pair:
    """A photo and its segmentation mask.

    Attributes:
        image_id: the image's name in the split lists, e.g. `2007_000033`.
        photo: path of the JPEG file.
        mask: path of the palette-mode PNG file.
    """

    image_id: str
    photo: str
    mask: str

    @property
    def annotation(self) -> str:
        """Path of the XML file with the image's boxes; it lies beside the photo's folder, where there is one."""
        return str(storage_path(self.photo).parent.parent / ANNOTATIONS_FOLDER / f"{self.image_id}.xml")


class PairError(DevkitError):
    """A pair that can't be used; `problems` holds the one problem."""

    def __init__(self, pair: Pair, file: str, what: str, advice: str):
        problem = Problem(pair.image_id, file, what, advice)
        super().__init__(str(problem), [problem])


def devkit_path(place: str | Path) -> Path:
    """The path of a devkit on this machine or, for a URI, in an object store; existence is not checked.

    Raises:
        DevkitError: a URI of a storage that cannot be opened.
    """
    try:
        return storage_path(place)
    except StorageError as error:
        raise DevkitError(str(error)) from error


def find_devkit(folder: str | Path) -> Path:
    """Finds the VOC folder in `folder`: the folder itself, its `VOC2012` or its `VOCdevkit/VOC2012`.

    Raises:
        DevkitError: none of them holds photos, masks and split lists, or an object store can't be opened.
    """
    for nested in _NESTED_DEVKITS:
        candidate = devkit_path(folder) / nested
        if all(_is_folder(candidate / name) for name in _FOLDERS):
            return candidate if "://" in str(candidate) else candidate.resolve()
    missing = [name for name in _FOLDERS if not _is_folder(devkit_path(folder) / name)]
    raise DevkitError(
        f"{folder} is not a VOC devkit: it has no {', '.join(missing)}. "
        "Name the folder that holds them, usually VOCdevkit/VOC2012."
    )


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except Exception as error:
        if "://" not in str(path):
            raise
        # Each object store's library has errors of its own, for credentials, hosts and names.
        raise DevkitError(f"{path} can't be opened ({type(error).__name__}: {error})") from error


def pair_of(devkit: str | Path, image_id: str, masks: str = MASKS_FOLDER) -> Pair:
    """Where photo and mask of an image lie; whether they do is not looked at."""
    folder = storage_path(devkit)
    return Pair(image_id, str(folder / "JPEGImages" / f"{image_id}.jpg"), str(folder / masks / f"{image_id}.png"))


def split_list_file(devkit: str | Path, split: str) -> Path:
    """The path of a split's list; existence is not checked."""
    return storage_path(devkit) / "ImageSets" / "Segmentation" / f"{split}.txt"
