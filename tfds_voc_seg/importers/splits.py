"""Assigns images to the splits: by the source, or by share, seed and group."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from typing import TYPE_CHECKING

from tfds_voc_seg.importers.source import SPLITS, SourceError, Split

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tfds_voc_seg.importers.report import ImportReport
    from tfds_voc_seg.importers.source import SourceImage

DEFAULT_VAL_SHARE = 0.2
FOLDER_GROUPS = "folder"
"""Value of `SplitOptions.group`: images of the same folder belong together."""


@dataclasses.dataclass(frozen=True)
class SplitOptions:
    """How images are divided if the source does not divide them, or if an option asks for it.

    Attributes:
        val: share of the images for validation, 0 to 1; `None` uses the splits of the source, or 0.2 if it has none.
        test: share of the images for the test split; `None` is the same as 0.
        seed: another seed gives another division.
        group: images that belong together and must not be in two splits: `"folder"` for those of one folder, or a
            regular expression, whose first group (or whole match) in an image's name is the key of its group.

    Raises:
        SourceError: a share is out of range, or the regular expression is invalid.
    """

    val: float | None = None
    test: float | None = None
    seed: int = 0
    group: str | None = None

    def __post_init__(self) -> None:
        val, test = self.val or 0.0, self.test or 0.0
        if not (0 <= val < 1 and 0 <= test < 1 and val + test < 1):
            raise SourceError(
                f"shares of {val:g} for val and {test:g} for test: each must be at least 0, their sum below 1"
            )
        if self.group is not None and self.group != FOLDER_GROUPS:
            try:
                re.compile(self.group)
            except re.error as error:
                raise SourceError(f"group {self.group!r} is not a regular expression: {error}") from error

    @property
    def replaces_source(self) -> bool:
        """Whether the images are divided even if the source has splits."""
        return self.val is not None or self.test is not None or self.group is not None

    @property
    def shares(self) -> dict[Split, float]:
        """The share of each split that gets images."""
        test = self.test or 0.0
        val = DEFAULT_VAL_SHARE if self.val is None else self.val
        shares: dict[Split, float] = {"train": 1 - val - test, "val": val, "test": test}
        return {split: share for split, share in shares.items() if share > 0}


def images_with_splits(images: Sequence[SourceImage], report: ImportReport) -> list[SourceImage]:
    """Returns the images; if the source gives some of them a split, the others are dropped and reported."""
    if not any(image.split for image in images):
        return list(images)
    for image in images:
        if image.split is None:
            report.drop_image("in no split of the source", image.name)
    return [image for image in images if image.split]


def assign_splits(images: Mapping[str, SourceImage], options: SplitOptions) -> dict[str, Split]:
    """Returns the split of each image.

    The splits of the source are used unless an option asks for others. If the source has no validation images, its
    training images are divided by share.

    Args:
        images: id → image. Either all images have a split in the source, or none has.
        options: how images are divided.

    Raises:
        SourceError: the regular expression of the groups does not match a name.
    """
    given = {image_id: image.split for image_id, image in images.items() if image.split is not None}
    if options.replaces_source:
        given = {}
    elif "val" not in given.values():
        given = {image_id: split for image_id, split in given.items() if split == "test"}
    groups = {
        image_id: image_id if options.group is None else group_key(image.name, options.group)
        for image_id, image in images.items()
        if image_id not in given
    }
    return {**given, **split_by_share(groups, options)}


def split_by_share(groups: Mapping[str, str], options: SplitOptions) -> dict[str, Split]:
    """Divides images by share, without dividing a group.

    The order of the groups is that of a hash of seed and group, so that it depends on neither the order of the images
    nor the version of a library. Each group goes to the split that lacks the most images; the number of images of a
    split then differs from its share by at most the largest group. If there are enough groups, no split is empty.

    Args:
        groups: id of each image → its group.
        options: shares and seed.
    """
    members: dict[str, list[str]] = {}
    for image_id, group in groups.items():
        members.setdefault(group, []).append(image_id)
    order = sorted(members, key=lambda group: hashlib.sha256(f"{options.seed}:{group}".encode()).digest())
    lacking = {split: share * len(groups) for split, share in options.shares.items()}
    # The smallest split chooses first, so that it is not empty.
    first = sorted(lacking, key=lambda split: lacking[split]) if len(order) >= len(lacking) else []
    assigned: dict[str, Split] = {}
    for position, group in enumerate(order):
        split = first[position] if position < len(first) else max(lacking, key=lambda split: lacking[split])
        lacking[split] -= len(members[group])
        assigned |= dict.fromkeys(members[group], split)
    return assigned


def group_key(name: str, group: str) -> str:
    """Returns the group of an image's name.

    Raises:
        SourceError: the regular expression does not match the name.
    """
    if group == FOLDER_GROUPS:
        return name.rpartition("/")[0]
    found = re.search(group, name)
    if found is None:
        raise SourceError(
            f"group {group!r} does not match the image {name!r}: use a regular expression that finds the group in "
            "every name, such as '^[^_]+'"
        )
    return str((found.re.groups and found[1]) or found[0])


def counts(assigned: Mapping[str, Split]) -> dict[str, int]:
    """Returns the number of images of each split that has any, and of train and val in any case."""
    totals = {split: sum(value == split for value in assigned.values()) for split in SPLITS}
    return {split: count for split, count in totals.items() if count or split != "test"}
