"""A VOCdevkit on disk: its split lists, its pairs of photo and mask, and what is wrong with them."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from etils import epath

from tfds_voc_seg.record_config import TrainMasks

SPLITS = ("train", "val")
"""The official segmentation splits, by the names of their list files."""

_FOLDERS = ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation")
_MASKS, _SBD_MASKS = "SegmentationClass", "SegmentationClassAug"
_ANNOTATIONS = "Annotations"
_SBD_LISTS = ("train_aug", "trainaug")
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
        return str(storage_path(self.photo).parent.parent / _ANNOTATIONS / f"{self.image_id}.xml")


@dataclasses.dataclass(frozen=True)
class Problem:
    """What is wrong with one image of a split.

    Attributes:
        image_id: as it stands in the split's list.
        file: the file that is at fault.
        what: what is wrong with it.
        advice: what to do.
    """

    image_id: str
    file: str
    what: str
    advice: str

    def __str__(self) -> str:
        """The problem in one line."""
        return f"{self.image_id}: {self.file} {self.what}; {self.advice}"


class DevkitError(ValueError):
    """A devkit, or files of it, that can't be used; the message says which and what to do.

    Attributes:
        problems: the images at fault, where it is about images.
    """

    def __init__(self, message: str, problems: Sequence[Problem] = ()):
        super().__init__(message)
        self.problems = tuple(problems)


class PairError(DevkitError):
    """A pair that can't be used; `problems` holds the one problem."""

    def __init__(self, pair: Pair, file: str, what: str, advice: str):
        problem = Problem(pair.image_id, file, what, advice)
        super().__init__(str(problem), [problem])


@dataclasses.dataclass(frozen=True)
class Listing:
    """A split's pairs whose files are there, in the list's order, and the problems of the rest."""

    pairs: tuple[Pair, ...]
    problems: tuple[Problem, ...]


def storage_path(place: str | Path) -> Path:
    """A path on this machine, or of an object store where `place` is a URI such as `gs://bucket/VOC2012`.

    Raises:
        DevkitError: a URI of a storage that can't be opened.
    """
    if "://" not in str(place):
        return Path(place)
    try:
        return epath.Path(place)
    except KeyError as error:
        raise DevkitError(f"{place}: storage of this kind can't be opened; name a folder, or gs:// or s3://") from error


def find_devkit(folder: str | Path) -> Path:
    """Finds the VOC folder in `folder`: the folder itself, its `VOC2012` or its `VOCdevkit/VOC2012`.

    Raises:
        DevkitError: none of them holds photos, masks and split lists, or an object store can't be opened.
    """
    for nested in _NESTED_DEVKITS:
        candidate = storage_path(folder) / nested
        if all(_is_folder(candidate / name) for name in _FOLDERS):
            return candidate if "://" in str(candidate) else candidate.resolve()
    missing = [name for name in _FOLDERS if not _is_folder(storage_path(folder) / name)]
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


def read_splits(devkit: str | Path, splits: Iterable[str] = SPLITS) -> dict[str, Listing]:
    """Reads the splits' lists and pairs each image id with its two files.

    An image that is in several splits is a problem of all but the last, so that validation images never train.

    Args:
        devkit: the folder that holds `JPEGImages`.
        splits: names of lists without `.txt`.

    Returns:
        Split → its pairs and problems.

    Raises:
        DevkitError: a list is missing or empty.
    """
    listings: dict[str, Listing] = {}
    taken: dict[str, str] = {}
    for split in reversed(list(splits)):
        listing = _read_split(storage_path(devkit), split, _MASKS)
        doubles = [pair for pair in listing.pairs if pair.image_id in taken]
        problems = [
            Problem(
                pair.image_id,
                str(_list_file(devkit, split)),
                f"lists an image that {taken[pair.image_id]}.txt lists too",
                "take it off one of the two",
            )
            for pair in doubles
        ]
        kept = tuple(pair for pair in listing.pairs if pair.image_id not in taken)
        listings[split] = Listing(kept, (*listing.problems, *problems))
        taken |= {pair.image_id: split for pair in listing.pairs}
    return {split: listings[split] for split in splits}


def read_train_aug(devkit: str | Path) -> Listing | None:
    """Reads VOC's train split enlarged by the Semantic Boundaries Dataset, where the devkit holds it.

    Source: Hariharan et al., "Semantic Contours from Inverse Detectors", ICCV 2011. Its masks lie in
    `SegmentationClassAug`, its list is `train_aug.txt` or `trainaug.txt`. An image of the val split is left out,
    whatever the list says.

    Returns:
        The pairs and problems, or `None` where the devkit has no such masks or list.

    Raises:
        DevkitError: the list is empty.
    """
    name = _sbd_list(devkit)
    if name is None:
        return None
    listing = _read_split(storage_path(devkit), name, _SBD_MASKS)
    validation = set(_read_list(devkit, "val"))
    return Listing(tuple(pair for pair in listing.pairs if pair.image_id not in validation), listing.problems)


def read_training_splits(devkit: str | Path, train_masks: TrainMasks) -> dict[str, Listing]:
    """Reads the splits for a training: `train` and `val`, as `read_splits`, where SBD's masks may enlarge `train`.

    Args:
        devkit: the folder that holds `JPEGImages`.
        train_masks: `voc` takes VOC's own train split, `sbd` that of `read_train_aug`, `sbd_if_present` the latter
            where the devkit holds it.

    Raises:
        DevkitError: a list is missing or empty, or SBD's masks are asked for and not there.
    """
    listings = read_splits(devkit)
    enlarged = None if train_masks == "voc" else read_train_aug(devkit)
    if enlarged is None and train_masks == "sbd":
        raise DevkitError(
            f"{devkit} holds no masks of the Semantic Boundaries Dataset: put them into {_SBD_MASKS}, and their list "
            f"into ImageSets/Segmentation/{_SBD_LISTS[0]}.txt, or set data.train_masks to voc"
        )
    return {**listings, "train": enlarged or listings["train"]}


def _sbd_list(devkit: str | Path) -> str | None:
    """The name of SBD's list; `None` where the devkit has none, or no masks of SBD."""
    lists = [name for name in _SBD_LISTS if _list_file(devkit, name).is_file()]
    return lists[0] if lists and (storage_path(devkit) / _SBD_MASKS).is_dir() else None


def pair_of(devkit: str | Path, image_id: str, masks: str = _MASKS) -> Pair:
    """Where photo and mask of an image lie; whether they do is not looked at."""
    folder = storage_path(devkit)
    return Pair(image_id, str(folder / "JPEGImages" / f"{image_id}.jpg"), str(folder / masks / f"{image_id}.png"))


def _list_file(devkit: str | Path, split: str) -> Path:
    return storage_path(devkit) / "ImageSets" / "Segmentation" / f"{split}.txt"


def _read_list(devkit: str | Path, split: str) -> list[str]:
    list_file = _list_file(devkit, split)
    if not list_file.is_file():
        raise DevkitError(f"{list_file} is missing: it lists the image ids of split {split!r}, one a line.")
    try:
        image_ids = list_file.read_text(encoding="utf-8").split()
    except UnicodeDecodeError as error:
        raise DevkitError(f"{list_file} is not a text file; write the image ids into it, one a line.") from error
    if not image_ids:
        raise DevkitError(f"{list_file} is empty: write the image ids of split {split!r} into it, one a line.")
    return image_ids


def _read_split(devkit: Path, split: str, masks: str) -> Listing:
    list_file = str(_list_file(devkit, split))
    pairs: list[Pair] = []
    problems: list[Problem] = []
    seen: set[str] = set()
    for image_id in _read_list(devkit, split):
        if image_id in seen:
            problems.append(Problem(image_id, list_file, "lists it twice", "remove one of the lines"))
            continue
        seen.add(image_id)
        if Path(image_id).name != image_id:
            problems.append(
                Problem(
                    image_id, list_file, "lists a path, not an image id", "write the file's name alone, without .jpg"
                )
            )
            continue
        pair = pair_of(devkit, image_id, masks)
        missing = [
            Problem(image_id, file, what, f"restore it or take the id off {list_file}")
            for file in (pair.photo, pair.mask)
            if (what := _file_problem(storage_path(file)))
        ]
        if missing:
            problems += missing
        else:
            pairs.append(pair)
    return Listing(tuple(pairs), tuple(problems))


def _file_problem(file: Path) -> str | None:
    if not file.is_file():
        return "is missing"
    size = getattr(file.stat(), "length" if "://" in str(file) else "st_size")  # epath names it otherwise
    return None if size else "is an empty file"


def problems_error(heading: str, problems: Sequence[Problem], shown: int = 20) -> DevkitError:
    """Makes an error of a heading and its problems, at most `shown` of them in the message."""
    lines = [f"  {problem}" for problem in problems[:shown]]
    if len(problems) > shown:
        lines.append(f"  … and {len(problems) - shown} more")
    return DevkitError("\n".join([f"{heading}:", *lines]), problems)


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
    lists = [(split, _MASKS) for split in SPLITS]
    if train_masks != "voc" and (enlarged := _sbd_list(devkit)):
        lists.append((enlarged, _SBD_MASKS))
    digest = hashlib.sha256()
    for name, masks in lists:
        for image_id in _read_list(devkit, name):
            digest.update(f"{name}/{image_id}\0".encode())
            annotation = [f"{_ANNOTATIONS}/{image_id}.xml"] if boxes else []
            for file in (f"JPEGImages/{image_id}.jpg", f"{masks}/{image_id}.png", *annotation):
                path = storage_path(devkit) / file
                digest.update(hashlib.sha256(path.read_bytes()).digest() if path.is_file() else b"missing")
    return digest.hexdigest()
