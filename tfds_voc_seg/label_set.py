"""The classes of a dataset: their names, how its masks represent them, and what is void."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Literal, get_args

from tfds_voc_seg.labels import BACKGROUND, VOC_CLASSES, VOID, voc_palette

if TYPE_CHECKING:
    from collections.abc import Sequence

Color = tuple[int, int, int]
"""Red, green and blue, 0 to 255."""

MaskEncoding = Literal["auto", "index", "color", "binary"]

MAX_CLASSES = 255
"""A class map is uint8, and 255 is void."""
_LARGEST_ID = 2**16 - 1


class LabelSetError(ValueError):
    """A label set that is invalid or cannot be read; the message names the file, the key and what is allowed."""


@dataclasses.dataclass(frozen=True)
class LabelSet:
    """The classes of a dataset.

    The class map of a mask holds positions in `names` (0 to 254), and 255 for void.

    Attributes:
        names: the names of the classes, 1 to 255, each once.
        ids: the value that a mask gives each class, 0 to 65,535, each once.
        colors: the colour of each class in RGB masks and in pictures, each once.
        background: the class that is background; `None` if the dataset has no such class.
        void_ids: mask values that belong to no class.
        void_colors: colours in RGB masks that belong to no class.
        masks: how masks represent a class. `index`: the palette index or grey value (8 or 16 bits) is the class's id.
            `color`: the pixel's colour is the class's colour. `binary`: every value but 0 is the one class that is not
            background. `auto`: `index` for grey masks and for palettes that agree with the colours, `color` for RGB
            masks and for other palettes.

    Raises:
        LabelSetError: a value is out of its range, repeated or missing.
    """

    names: tuple[str, ...]
    ids: tuple[int, ...]
    colors: tuple[Color, ...]
    background: str | None = None
    void_ids: tuple[int, ...] = (VOID,)
    void_colors: tuple[Color, ...] = ()
    masks: MaskEncoding = "auto"

    def __post_init__(self) -> None:
        """Checks every field; JSON's lists become tuples, so that a label set from JSON equals the original."""
        for name in ("names", "ids", "void_ids"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        for name in ("colors", "void_colors"):
            object.__setattr__(self, name, tuple(_checked_color(color) for color in getattr(self, name)))
        _check_names(self.names)
        _check_ids("id", (*self.ids, *self.void_ids))
        _check_unique("color", (*self.colors, *self.void_colors))
        if not len(self.names) == len(self.ids) == len(self.colors):
            raise LabelSetError(
                f"{len(self.names)} names, {len(self.ids)} ids, {len(self.colors)} colors: each class needs all three"
            )
        if self.background is not None and self.background not in self.names:
            raise LabelSetError(f"background {self.background!r} is not a class; classes are {', '.join(self.names)}")
        if self.masks not in get_args(MaskEncoding):
            raise LabelSetError(f"masks {self.masks!r} is unknown; allowed are {', '.join(get_args(MaskEncoding))}")
        if self.masks == "binary" and len(self.foreground) != 1:
            raise LabelSetError(
                f"masks: binary needs one class that is not background; there are {len(self.foreground)}"
            )

    @property
    def foreground(self) -> tuple[str, ...]:
        """The names of the classes that are not background."""
        return tuple(name for name in self.names if name != self.background)

    def as_dict(self) -> dict[str, Any]:
        """Returns the content of `labels.yaml`."""
        return {
            "classes": [
                {"name": name, "id": id_, "color": list(color)}
                for name, id_, color in zip(self.names, self.ids, self.colors, strict=True)
            ],
            "background": self.background,
            "void": {"ids": list(self.void_ids), "colors": [list(color) for color in self.void_colors]},
            "masks": self.masks,
        }


def label_set_of_names(names: Sequence[str]) -> LabelSet:
    """Makes a label set from names alone: VOC's classes get VOC's ids and colours, other names the next free ones.

    For models and pictures from which nothing but the names is known.
    """
    free = iter([*range(len(VOC_CLASSES), VOID), *range(len(VOC_CLASSES))])
    ids = [VOC_CLASSES.index(name) if name in VOC_CLASSES else None for name in names]
    given = tuple(next(value for value in free if value not in ids) if id_ is None else id_ for id_ in ids)
    colors = default_colors(VOID)
    return LabelSet(
        names=tuple(names),
        ids=given,
        colors=tuple(colors[id_] for id_ in given),
        background=BACKGROUND if BACKGROUND in names else None,
    )


def default_colors(count: int) -> tuple[Color, ...]:
    """Returns the first colours of VOC's colour map."""
    palette = voc_palette()
    return tuple((palette[3 * i], palette[3 * i + 1], palette[3 * i + 2]) for i in range(count))


def _checked_color(color: Any) -> Color:
    values = tuple(color) if isinstance(color, list | tuple) else ()
    if len(values) != 3 or not all(_is_whole(value) and 0 <= value <= 255 for value in values):
        raise LabelSetError(f"color {color!r} must be three whole numbers from 0 to 255: [red, green, blue]")
    red, green, blue = values
    return red, green, blue


def _check_names(names: Sequence[Any]) -> None:
    if not 1 <= len(names) <= MAX_CLASSES:
        raise LabelSetError(f"{len(names)} classes; 1 to {MAX_CLASSES} are allowed")
    for name in names:
        if not isinstance(name, str) or not name.strip() or not name.isprintable() or len(name) > 100:
            raise LabelSetError(f"class name {name!r} must be 1 to 100 printable characters")
    _check_unique("name", names)


def _check_ids(what: str, ids: Sequence[Any]) -> None:
    for id_ in ids:
        if not _is_whole(id_) or not 0 <= id_ <= _LARGEST_ID:
            raise LabelSetError(f"{what} {id_!r} must be a whole number from 0 to {_LARGEST_ID:,}")
    _check_unique(what, ids)


def _check_unique(what: str, values: Sequence[Any]) -> None:
    repeated = sorted({value for value in values if values.count(value) > 1})
    if repeated:
        raise LabelSetError(f"{what} {repeated[0]!r} is used more than once, void included")


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


VOC_LABELS = LabelSet(
    names=VOC_CLASSES,
    ids=tuple(range(len(VOC_CLASSES))),
    colors=default_colors(len(VOC_CLASSES)),
    background=BACKGROUND,
    void_colors=default_colors(256)[VOID:],
)
"""The classes of PASCAL VOC."""
