"""The settings of the records: what a record holds, and how a conversion writes the records to files.

The TFDS configuration (`VocSegConfig`) and the `data` section of a run's configuration take their fields from the two
classes here. The module imports neither TensorFlow nor Beam, so that a configuration is checked before they load.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any, Literal, get_args

from tfds_voc_seg.geometry import Geometry, RecordSize, Resize
from tfds_voc_seg.image_size import ImageSize, checked_image_size, sides_of
from tfds_voc_seg.label_set import VOC_LABELS, LabelSet
from tfds_voc_seg.setting_checks import require_one_of, require_whole_number

SelectedClass = str | tuple[str, tuple[str, ...]]
"""A class of the label set by its name; or a new name with the classes of the label set that it merges."""

VoidTreatment = Literal["ignore", "background"]
ImageEncoding = Literal["png", "jpeg"]
OnBadPair = Literal["fail", "skip"]


@dataclasses.dataclass(frozen=True)
class RecordConfig:
    """What a record holds.

    Attributes:
        labels: the classes of the dataset, and how its masks represent them.
        image_size: size of image and mask in pixels: one number for a square, or height and width; `None` keeps each
            photo and mask at its own size.
        classes: the foreground classes to keep, in the order of their channels. A class that merges others is its name
            and their names, `("vehicle", ("car", "bus"))`, in JSON and YAML also `{"vehicle": ["car", "bus"]}`. `None`
            keeps all foreground classes. The other classes become background, which is channel 0, or void if the label
            set has no background.
        void: `"ignore"` stores void pixels as all-zero rows, which losses and metrics leave out; `"background"` turns
            them into background, which the label set must have.
        image_encoding: `"png"` is lossless, so that a network sees the same pixels in training and in serving;
            `"jpeg"` makes smaller records.
        drop_empty: skip images that contain none of the classes.
        mask_compression_level: zlib level, 1 (fastest) to 9 (smallest); it does not change the decoded mask.
        boxes: also store the objects of each image, read from the devkit's annotations; an image without an annotation
            is then a bad pair. The label set must have a background.
        background_classes: also store which of the label set's other classes each background pixel belongs to; the
            label set must have a background, and no class may be merged.

        resize: how a photo of another shape gets `image_size`: `"stretch"` changes its shape; `"pad"` keeps the shape
            and fills the rest of the image, which is void in the mask, with `geometry.PADDING_COLOUR`; `"crop"` keeps
            the shape and resizes the shorter side to `short_side`: training takes crops of `image_size`, and
            predictions are blended from overlapping windows of that size.
        short_side: with `crop`, length in pixels of the shorter side of photo and mask, at least the longer side of
            `image_size`, which is the default.

    Raises:
        ValueError: a class is unknown or repeated, no class is given, a setting needs a background that the label set
            does not have, or another setting is invalid.
    """

    labels: LabelSet = dataclasses.field(default=VOC_LABELS, kw_only=True)
    image_size: ImageSize | None = 300
    classes: tuple[SelectedClass, ...] | None = None
    void: VoidTreatment = "ignore"
    image_encoding: ImageEncoding = "png"
    drop_empty: bool = False
    mask_compression_level: int = 7
    boxes: bool = False
    background_classes: bool = False
    resize: Resize = "stretch"
    short_side: int | None = None

    def __post_init__(self) -> None:
        """Checks the classes; values from JSON become those that `dataclasses.asdict` was given."""
        if isinstance(self.labels, dict):
            object.__setattr__(self, "labels", LabelSet(**self.labels))
        if not isinstance(self.labels, LabelSet):
            raise ValueError(f"labels {self.labels!r} are not a label set")
        object.__setattr__(self, "classes", selected_classes(self.classes, self.labels))
        if self.image_size is not None:
            object.__setattr__(self, "image_size", checked_image_size(self.image_size))
        require_one_of("resize", self.resize, get_args(Resize))
        if self.image_size is None and self.resize != "stretch":
            raise ValueError(f"resize={self.resize!r} needs an image_size, to which photos are resized")
        if self.short_side is not None:
            self._check_short_side(self.short_side)
        require_one_of("void", self.void, get_args(VoidTreatment))
        require_one_of("image_encoding", self.image_encoding, get_args(ImageEncoding))
        require_whole_number("mask_compression_level", self.mask_compression_level, 1, 9)
        self._check_background()

    def _check_short_side(self, short_side: int) -> None:
        if self.resize != "crop" or self.image_size is None:
            raise ValueError(f"short_side={short_side!r} applies only with resize='crop'; remove it")
        require_whole_number("short_side", short_side, max(sides_of(self.image_size)))

    def _check_background(self) -> None:
        """Checks that the label set has the background that other settings need."""
        needs_background = [
            setting
            for setting, is_set in (
                ("void=background", self.void == "background"),
                ("boxes", self.boxes),
                ("background_classes", self.background_classes),
            )
            if is_set
        ]
        if needs_background and self.labels.background is None:
            raise ValueError(f"{needs_background[0]} needs a background class, but the label set has none")
        if self.background_classes and any(sources != (name,) for name, sources in self.selection):
            raise ValueError("background_classes cannot be stored with merged classes")

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> RecordConfig:
        """Makes a configuration from the result of `dataclasses.asdict`; unknown keys of later versions are ignored.

        Raises:
            ValueError: a value is not allowed.
        """
        if not isinstance(values, Mapping):
            raise ValueError(f"{values!r} is not a mapping of settings")
        return cls(**{field.name: values[field.name] for field in dataclasses.fields(cls) if field.name in values})

    def as_json(self) -> dict[str, Any]:
        """Returns the fields as `from_json` reads them.

        `resize` and `short_side` are left out where they have their defaults: so the parameters of nodes, on which
        cached results depend, and the files of prepared data are what they were before there were such settings.
        """
        values = dataclasses.asdict(self)
        defaults = {"resize": "stretch", "short_side": None}
        return {key: value for key, value in values.items() if key not in defaults or value != defaults[key]}

    @property
    def geometry(self) -> Geometry | None:
        """How photos are resized; `None` if each keeps its own size."""
        return None if self.image_size is None else Geometry(self.image_size, self.resize, self.short_side)

    @property
    def record_size(self) -> RecordSize:
        """The size of image and mask in a record, or how it follows from the photo's."""
        return None if self.geometry is None else self.geometry.record_size

    @property
    def selection(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """The foreground classes: name → the classes of the label set that it consists of."""
        return tuple((item, (item,)) if isinstance(item, str) else item for item in self.classes or ())

    @property
    def foreground(self) -> tuple[str, ...]:
        """The names of the foreground classes, in the order of their channels."""
        return tuple(name for name, _ in self.selection)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of all channels: the background first, if there is one."""
        background = self.labels.background
        return self.foreground if background is None else (background, *self.foreground)

    @functools.cached_property
    def channels(self) -> LabelSet:
        """The channels as a label set; a merged class has the id and the colour of the first of its classes."""
        first_sources = {name: sources[0] for name, sources in self.selection}
        positions = [self.labels.names.index(first_sources.get(name, name)) for name in self.class_names]
        return LabelSet(
            names=self.class_names,
            ids=tuple(self.labels.ids[position] for position in positions),
            colors=tuple(self.labels.colors[position] for position in positions),
            background=self.labels.background,
            void_ids=self.labels.void_ids,
            void_colors=self.labels.void_colors,
        )


@dataclasses.dataclass(frozen=True)
class ConversionConfig:
    """How a conversion distributes the pairs over files, and how it treats bad pairs.

    Attributes:
        num_shards: files per split; a split with fewer pairs than that gets one file per pair.
        seed: seed of the shuffling; the order does not depend on the number of workers.
        on_bad_pair: `"fail"` stops with a list of all bad pairs; `"skip"` leaves them out and lists them in
            `rejects.jsonl`.
        max_bad_fraction: with `"skip"`, the conversion still fails if a larger fraction of a split's pairs is bad.

    Raises:
        ValueError: a setting is invalid.
    """

    num_shards: int = 4
    seed: int = 0
    on_bad_pair: OnBadPair = "fail"
    max_bad_fraction: float = 0.1

    def __post_init__(self) -> None:
        require_whole_number("num_shards", self.num_shards, 1)
        require_whole_number("seed", self.seed, 0)
        require_one_of("on_bad_pair", self.on_bad_pair, get_args(OnBadPair))
        if not 0 <= self.max_bad_fraction <= 1:
            raise ValueError(f"max_bad_fraction={self.max_bad_fraction!r} is invalid; allowed are fractions, 0 to 1")


def selected_classes(classes: Any, labels: LabelSet) -> tuple[SelectedClass, ...]:
    """Checks a selection of classes and returns it in the form that `RecordConfig` stores.

    Args:
        classes: see `RecordConfig.classes`; JSON's lists are allowed.
        labels: the label set that the classes are selected from.

    Raises:
        ValueError: a name is unknown or repeated, or there is no name; the message lists the allowed names.
    """
    if classes is None:
        classes = labels.foreground
    if isinstance(classes, Mapping):
        classes = [{name: sources} for name, sources in classes.items()]
    selected = tuple(_selected_class(item) for item in classes)
    names = [item if isinstance(item, str) else item[0] for item in selected]
    used = [name for item in selected for name in ([item] if isinstance(item, str) else item[1])]
    unknown = [name for name in used if name not in labels.foreground]
    if unknown:
        raise ValueError(f"unknown class {unknown[0]!r}; allowed are {', '.join(labels.foreground)}")
    if not names or len(set(names)) != len(names) or len(set(used)) != len(used):
        raise ValueError("name at least one class, each once")
    if labels.background in names:
        raise ValueError(f"{labels.background!r} is the background and cannot name other classes")
    return selected


def _selected_class(item: Any) -> SelectedClass:
    """Returns a class in the form that `RecordConfig` stores."""
    if isinstance(item, Mapping) and len(item) == 1:
        item = next(iter(item.items()))
    if isinstance(item, str):
        return item
    match item:
        case [str(name), [*sources]] if name and sources and all(isinstance(source, str) for source in sources):
            return name if sources == [name] else (name, tuple(sources))
    raise ValueError(f"{item!r} is not a class; write a name, or {{vehicle: [car, bus]}} to merge classes")
