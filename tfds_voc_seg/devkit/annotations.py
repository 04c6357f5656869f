"""Reads the objects and their boxes from a devkit's annotations.

Source: Everingham et al., "The PASCAL Visual Object Classes Challenge 2012 (VOC2012) Development Kit", section 8.1: one
XML file per image; pixel coordinates start at 1, and a box includes its last row and column.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from typing import TYPE_CHECKING, Any

import numpy as np

from tfds_voc_seg.devkit.folders import Pair, PairError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tfds_voc_seg.record_config import RecordConfig

OBJECT_KEYS = ("bbox", "label", "difficult", "truncated")
"""The features of each object in a record."""

_CORNERS = ("ymin", "xmin", "ymax", "xmax")


def read_objects(pair: Pair, config: RecordConfig, height: int, width: int) -> dict[str, NDArray[Any]]:
    """Reads the objects of an image that are of the configured classes.

    Args:
        pair: the image; its annotation is in the folder `Annotations`, next to the folder of its photo.
        config: the classes to keep, and the label set that they are selected from.
        height: height of the photo in pixels.
        width: width of the photo in pixels.

    Returns:
        `bbox` float32 [N, 4]: ymin, xmin, ymax and xmax as fractions of the photo's height and width, clipped to the
        photo; `label` int64 [N]: the channel of the class, from 1; `difficult` and `truncated` bool [N].

    Raises:
        PairError: the annotation is missing or invalid.
    """
    channels = {source: channel for channel, (_, sources) in enumerate(config.selection, 1) for source in sources}
    boxes, labels, flags = [], [], []
    for element in _root(pair).iterfind("object"):
        name = (element.findtext("name") or "").strip()
        if name not in config.labels.foreground:
            what = f"contains the class {name!r}, which is not in the label set"
            raise PairError(pair, pair.annotation, what, f"allowed are {', '.join(config.labels.foreground)}")
        box = _box(element, height, width)
        if box is None:
            what = f"contains a box of class {name!r} that has no area in the photo of {width}×{height} pixels"
            raise PairError(pair, pair.annotation, what, "correct xmin, ymin, xmax and ymax in its bndbox")
        if name in channels:
            boxes.append(box)
            labels.append(channels[name])
            flags.append([_flag(element, "difficult"), _flag(element, "truncated")])
    difficult, truncated = np.array(flags, bool).reshape(-1, 2).T
    bbox = np.array(boxes, np.float32).reshape(-1, 4)
    return dict(zip(OBJECT_KEYS, (bbox, np.array(labels, np.int64), difficult, truncated), strict=True))


def _root(pair: Pair) -> ElementTree.Element:
    try:
        return ElementTree.parse(pair.annotation).getroot()
    except FileNotFoundError as error:
        advice = "restore it, remove the id from the list, or convert without boxes"
        raise PairError(pair, pair.annotation, "is missing: the image has no annotation", advice) from error
    except (OSError, ElementTree.ParseError, UnicodeDecodeError) as error:
        raise PairError(pair, pair.annotation, f"cannot be read as XML ({error})", "restore the file") from error


def _box(element: ElementTree.Element, height: int, width: int) -> list[float] | None:
    """Returns ymin, xmin, ymax and xmax as fractions of the photo; `None` if the box has no area in it."""
    try:
        top, left, bottom, right = (float(element.findtext(f"bndbox/{corner}") or "") for corner in _CORNERS)
    except ValueError:
        return None
    rows = np.clip([(top - 1) / height, bottom / height], 0, 1)
    columns = np.clip([(left - 1) / width, right / width], 0, 1)
    if not (rows[0] < rows[1] and columns[0] < columns[1]):
        return None
    return [rows[0], columns[0], rows[1], columns[1]]


def _flag(element: ElementTree.Element, name: str) -> bool:
    """Returns a flag of an object; annotations may omit a flag that is not set."""
    return (element.findtext(name) or "0").strip() == "1"
