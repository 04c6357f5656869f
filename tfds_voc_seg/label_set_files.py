"""Reads and writes the label set of a devkit.

A devkit may contain `labels.yaml`:

    classes:
      - {name: background, id: 0, color: [0, 0, 0]}
      - {name: road, id: 1, color: [128, 64, 128]}
    background: background   # a class of the list; leave it out if the dataset has no background class
    void: {ids: [255], colors: [[224, 224, 192]]}
    masks: auto              # or index, color, binary: see LabelSet

or `labelmap.txt` as CVAT and Datumaro write it (`name:red,green,blue:parts:actions`, one class per line). A devkit
without either has the classes of PASCAL VOC.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from tfds_voc_seg.label_set import MAX_CLASSES, VOC_LABELS, LabelSet, LabelSetError, default_colors
from tfds_voc_seg.labels import BACKGROUND, VOID
from tfds_voc_seg.storage import storage_path, write_text_whole
from tfds_voc_seg.yaml_texts import YamlError, parse_yaml

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

LABELS_FILE = "labels.yaml"
LABEL_MAP_FILE = "labelmap.txt"


def find_label_set(devkit: str | Path) -> LabelSet:
    """Reads the label set of a devkit; returns VOC's if the devkit contains none.

    Raises:
        LabelSetError: the devkit's file is invalid or cannot be read.
    """
    file = label_set_file(devkit)
    return VOC_LABELS if file is None else read_label_set(file)


def label_set_file(devkit: str | Path) -> Path | None:
    """Returns the file that describes a devkit's classes; `None` if there is none."""
    files = (storage_path(devkit) / name for name in (LABELS_FILE, LABEL_MAP_FILE))
    return next((file for file in files if file.is_file()), None)


def read_label_set(file: str | Path) -> LabelSet:
    """Reads a label set from `labels.yaml`, or from CVAT's `labelmap.txt` if the file's name ends in `.txt`.

    Raises:
        LabelSetError: the file is invalid or cannot be read.
    """
    try:
        text = storage_path(file).read_text(encoding="utf-8-sig")
        return _from_label_map(text) if str(file).endswith(".txt") else label_set_from(parse_yaml(text))
    except (OSError, UnicodeDecodeError) as error:
        raise LabelSetError(f"{file} cannot be read: {error}") from error
    except YamlError as error:
        raise LabelSetError(f"{file} is not valid YAML: {error}") from error
    except LabelSetError as error:
        raise LabelSetError(f"{file}: {error}") from error


def write_label_set(labels: LabelSet, devkit: str | Path) -> None:
    """Writes `labels.yaml` into a devkit."""
    text = yaml.safe_dump(labels.as_dict(), sort_keys=False, allow_unicode=True, default_flow_style=None)
    write_text_whole(storage_path(devkit) / LABELS_FILE, text)


def label_set_from(values: Any) -> LabelSet:
    """Makes a label set from the content of `labels.yaml`.

    An id that is missing is the class's position, a colour that is missing comes from VOC's colour map.

    Raises:
        LabelSetError: a key is unknown, or a value is invalid.
    """
    top = _checked_keys(values, ("classes", "background", "void", "masks"), "labels")
    listed = top.get("classes")
    if not isinstance(listed, list) or not listed:
        raise LabelSetError("classes: list at least one class, such as {name: road, id: 1, color: [128, 64, 128]}")
    classes: list[Any] = [{"name": value} if isinstance(value, str) else value for value in listed]
    classes = [_checked_keys(value, ("name", "id", "color"), f"classes[{i}]") for i, value in enumerate(classes)]
    if len(classes) > MAX_CLASSES:
        raise LabelSetError(f"classes: {len(classes)} classes, at most {MAX_CLASSES} are allowed")
    void = _checked_keys(top.get("void") or {}, ("ids", "colors"), "void")
    colors = default_colors(len(classes))
    return LabelSet(
        names=tuple(value.get("name", "") for value in classes),
        ids=tuple(value.get("id", position) for position, value in enumerate(classes)),
        colors=tuple(value.get("color", color) for value, color in zip(classes, colors, strict=True)),
        background=top.get("background"),
        void_ids=_checked_list(void.get("ids", [VOID]), "void.ids"),
        void_colors=_checked_list(void.get("colors", []), "void.colors"),
        masks=top.get("masks", "auto"),
    )


def _from_label_map(text: str) -> LabelSet:
    """Parses CVAT's label map: `name:red,green,blue:parts:actions`, one class per line, `#` for comments."""
    names, colors = [], []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, _, rest = line.partition(":")
        try:
            red, green, blue = (int(value) for value in rest.partition(":")[0].split(","))
        except ValueError as error:
            raise LabelSetError(f"line {number} is {line!r}; expected name:red,green,blue:parts:actions") from error
        names.append(name.strip())
        colors.append((red, green, blue))
    return LabelSet(
        names=tuple(names),
        ids=tuple(range(len(names))),
        colors=tuple(colors),
        background=BACKGROUND if BACKGROUND in names else None,
        masks="color",
    )


def _checked_keys(values: Any, allowed: Sequence[str], where: str) -> Mapping[str, Any]:
    if not isinstance(values, dict):
        raise LabelSetError(f"{where}: must have the keys {', '.join(allowed)}")
    unknown = [key for key in values if key not in allowed]
    if unknown:
        raise LabelSetError(f"{where}: unknown key {unknown[0]!r}; allowed are {', '.join(allowed)}")
    return values


def _checked_list(values: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(values, list):
        raise LabelSetError(f"{where} {values!r} must be a list")
    return tuple(values)
