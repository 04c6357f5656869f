"""The `data` and `sample` sections of a run's configuration."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any, TypeVar

import pydantic
import pydantic_core

from components.strict_config import StrictConfig
from components.training.config import LARGEST_SEED
from tfds_voc_seg.devkit.label_sets import devkit_labels
from tfds_voc_seg.devkit.splits import TrainMasks
from tfds_voc_seg.image_size import ImageSize, checked_image_size
from tfds_voc_seg.label_set import VOC_LABELS, LabelSet
from tfds_voc_seg.label_set_files import read_label_set
from tfds_voc_seg.record_config import ConversionConfig, RecordConfig, SelectedClass, selected_classes
from tfds_voc_seg.sample.devkit import DEFAULT_TRAIN_IMAGES, DEFAULT_VAL_IMAGES
from tfds_voc_seg.storage import absolute_place

SAMPLE_DEVKIT = "sample"
"""The value of `data.devkit` for the embedded sample."""


_Settings = TypeVar("_Settings", RecordConfig, ConversionConfig)


def _read_labels(labels: Any) -> Any:
    """Reads the file of a label set."""
    if isinstance(labels, str):
        return read_label_set(absolute_place(labels))
    if isinstance(labels, LabelSet):
        return labels
    raise ValueError("must be the path of a file that describes the label set, such as labels.yaml")


_SIDE = pydantic.TypeAdapter(Annotated[int, pydantic.Field(ge=32, le=4096)])


def _checked_size(value: Any) -> ImageSize:
    """Checks each side of the image size as pydantic checks a number; `_SIDE` has the range."""
    sides = value if isinstance(value, list | tuple) else [value]
    if any(isinstance(side, bool) for side in sides):
        raise ValueError("must be one number, or [height, width]")
    try:
        checked = [_SIDE.validate_python(side) for side in sides]
    except pydantic.ValidationError as error:
        (problem, *_) = error.errors()
        raise pydantic_core.PydanticKnownError(problem["type"], problem.get("ctx")) from error  # type: ignore[arg-type]
    return checked_image_size(checked if isinstance(value, list | tuple) else checked[0])


class DataConfig(StrictConfig, ConversionConfig, RecordConfig):  # type: ignore[misc]  # StrictConfig is frozen, too
    """The data and its records. The fields of `RecordConfig` and `ConversionConfig` are keys of this section too.

    A field of theirs that is repeated here keeps its default, and gets a range or a check.

    Attributes:
        labels: the file of the label set, `labels.yaml` or CVAT's `labelmap.txt`. By default the file of that name in a
            devkit on this machine, else the classes of PASCAL VOC.
        devkit: the folder that holds JPEGImages, usually VOCdevkit/VOC2012, or its URI; `sample` for the embedded
            sample.
        train_masks: `voc`: VOC's own train split; `sbd`: the train split enlarged by the Semantic Boundaries Dataset
            (`SegmentationClassAug`, `train_aug.txt`); `sbd_if_present`: the enlarged split if the devkit holds it,
            else VOC's own.
    """

    devkit: str = SAMPLE_DEVKIT
    train_masks: TrainMasks = "voc"
    image_size: Annotated[ImageSize, pydantic.BeforeValidator(_checked_size)]
    labels: Annotated[LabelSet, pydantic.BeforeValidator(_read_labels)]
    classes: Annotated[tuple[SelectedClass, ...], pydantic.Field(validate_default=True)]  # None becomes all classes
    mask_compression_level: Annotated[int, pydantic.Field(ge=1, le=9)]
    num_shards: Annotated[int, pydantic.Field(ge=1, le=10_000)]
    seed: Annotated[int, pydantic.Field(ge=0, le=LARGEST_SEED)]
    max_bad_fraction: Annotated[float, pydantic.Field(ge=0, le=1)]

    @pydantic.model_validator(mode="before")
    @classmethod
    def _find_labels(cls, values: Any) -> Any:
        """Adds the label set that the devkit describes. One in an object store is not read: it may be out of reach."""
        if not isinstance(values, dict) or values.get("labels") is not None:
            return values
        devkit = values.get("devkit", SAMPLE_DEVKIT)
        if not isinstance(devkit, str) or devkit == SAMPLE_DEVKIT or "://" in devkit:
            return {key: value for key, value in values.items() if key != "labels"}
        return {**values, "labels": devkit_labels(absolute_place(devkit))}

    @pydantic.field_validator("classes", mode="wrap")
    @classmethod
    def _select_classes(cls, classes: Any, _: Any, info: pydantic.ValidationInfo) -> Any:
        if not isinstance(classes, list | tuple | dict | None):
            raise pydantic_core.PydanticKnownError("list_type")
        # The label set is missing here if its file is invalid, which is then the only error to report.
        return selected_classes(classes, info.data["labels"]) if "labels" in info.data else classes

    @pydantic.field_serializer("labels")
    def _labels_as_data(self, labels: LabelSet) -> dict[str, Any] | None:
        """Writes a label set as in `labels.yaml`, and VOC's as `null`."""
        return None if labels == VOC_LABELS else labels.as_dict()

    @pydantic.model_validator(mode="after")
    def _record_settings_agree(self) -> DataConfig:
        _ = self.record
        return self

    @property
    def record(self) -> RecordConfig:
        """The settings of the records."""
        return _settings_of(RecordConfig, self)

    @property
    def conversion(self) -> ConversionConfig:
        """The settings of the record files."""
        return _settings_of(ConversionConfig, self)


def _settings_of(base: type[_Settings], data: DataConfig) -> _Settings:
    """Returns an instance of a base class of `DataConfig` with only its own fields."""
    return base(**{field.name: getattr(data, field.name) for field in dataclasses.fields(base)})


class SampleConfig(StrictConfig):
    """The embedded sample, which is used if `data.devkit` is `sample`.

    Attributes:
        train_images: the number of train images.
        val_images: the number of val images.
        seed: the seed of the drawn scenes.
    """

    train_images: int = pydantic.Field(default=DEFAULT_TRAIN_IMAGES, ge=1, le=100_000)
    val_images: int = pydantic.Field(default=DEFAULT_VAL_IMAGES, ge=1, le=100_000)
    seed: int = pydantic.Field(default=0, ge=0, le=LARGEST_SEED)
