"""Reads Cityscapes: `leftImg8bit/SPLIT/CITY/…_leftImg8bit.png` and `gtFine/SPLIT/CITY/…_gtFine_labelIds.png`.

The classes are the 19 that Cityscapes evaluates; its other ids are void. Masks of training ids
(`…_gtFine_labelTrainIds.png`) are read if there are no others. The test split's masks are void and therefore dropped.
Source: Cordts et al., "The Cityscapes Dataset for Semantic Urban Scene Understanding", CVPR 2016, and its
`cityscapesscripts/helpers/labels.py`.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from tfds_voc_seg.importers.mask_images import class_map_reader
from tfds_voc_seg.importers.source import SPLIT_NAMES, ReaderOptions, Source, SourceError, SourceImage
from tfds_voc_seg.label_set import Color, LabelSet

if TYPE_CHECKING:
    from pathlib import Path

    from tfds_voc_seg.importers.report import ImportReport

_PHOTO_END = "_leftImg8bit.png"
_LABEL_IDS_END = "_gtFine_labelIds.png"
_TRAIN_IDS_END = "_gtFine_labelTrainIds.png"

_CLASSES: tuple[tuple[str, int, Color], ...] = (
    ("road", 7, (128, 64, 128)),
    ("sidewalk", 8, (244, 35, 232)),
    ("building", 11, (70, 70, 70)),
    ("wall", 12, (102, 102, 156)),
    ("fence", 13, (190, 153, 153)),
    ("pole", 17, (153, 153, 153)),
    ("traffic light", 19, (250, 170, 30)),
    ("traffic sign", 20, (220, 220, 0)),
    ("vegetation", 21, (107, 142, 35)),
    ("terrain", 22, (152, 251, 152)),
    ("sky", 23, (70, 130, 180)),
    ("person", 24, (220, 20, 60)),
    ("rider", 25, (255, 0, 0)),
    ("car", 26, (0, 0, 142)),
    ("truck", 27, (0, 0, 70)),
    ("bus", 28, (0, 60, 100)),
    ("train", 31, (0, 80, 100)),
    ("motorcycle", 32, (0, 0, 230)),
    ("bicycle", 33, (119, 11, 32)),
)
"""Name, id and colour of each class, in the order of the training ids."""

_LARGEST_ID = 33


def read_cityscapes(source: Path, options: ReaderOptions, report: ImportReport) -> Source:
    """Lists the photos with their masks. The label set is that of the options, or else the 19 classes.

    Raises:
        SourceError: the folders of Cityscapes are missing.
    """
    photos_root = options.photos or source / "leftImg8bit"
    masks_root = source / "gtFine"
    if not photos_root.is_dir() or not masks_root.is_dir():
        raise SourceError(f"{source} must contain the folders leftImg8bit and gtFine, as the archives of Cityscapes do")
    photos = _by_place(photos_root, _PHOTO_END)
    mask_end = _LABEL_IDS_END
    masks = _by_place(masks_root, mask_end)
    if not masks:
        mask_end = _TRAIN_IDS_END
        masks = _by_place(masks_root, mask_end)
    labels = options.labels or label_set(train_ids=mask_end == _TRAIN_IDS_END)
    images = []
    for (split, city, name), photo in photos.items():
        image = f"{city}/{name.removeprefix(f'{city}_')}"
        mask = masks.pop((split, city, name), None)
        if mask is None:
            report.drop_image("no mask", image, str(photo))
        else:
            images.append(SourceImage(image, photo, SPLIT_NAMES.get(split), class_map_reader(mask, masks_root, labels)))
    for (_, city, name), mask in masks.items():
        report.drop_image("no photo", f"{city}/{name.removeprefix(f'{city}_')}", str(mask))
    return Source(labels, tuple(images))


@functools.cache
def label_set(*, train_ids: bool) -> LabelSet:
    """Returns the 19 classes; `train_ids` numbers them 0 to 18, with all other values void."""
    names, ids, colors = zip(*_CLASSES, strict=True)
    ids = tuple(range(len(names))) if train_ids else ids
    void_ids = (255,) if train_ids else tuple(id_ for id_ in (*range(_LARGEST_ID + 1), 255) if id_ not in ids)
    return LabelSet(names, ids, colors, void_ids=void_ids, masks="index")


def _by_place(root: Path, end: str) -> dict[tuple[str, str, str], Path]:
    """Returns the files `root/SPLIT/CITY/NAME` + `end` by split, city and name."""
    files = sorted(root.glob(f"*/*/*{end}"))
    return {(file.parent.parent.name, file.parent.name, file.name.removesuffix(end)): file for file in files}
