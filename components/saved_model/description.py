"""The description of an exported model: a JSON file among the SavedModel's assets."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from etils import epath

from components.run_files import ASSETS_FOLDER, DESCRIPTION_FILE
from tfds_voc_seg.geometry import Geometry
from tfds_voc_seg.image_size import ImageSize, checked_image_size
from tfds_voc_seg.label_set import LabelSet, label_set_of_names
from tfds_voc_seg.record_config import RecordConfig


@dataclasses.dataclass(frozen=True)
class ModelDescription:
    """How a model was made and what its outputs mean.

    Attributes:
        class_names: the class names in the order of the class ids; the background first, if there is one.
        image_size: size of the network's input, pixels: one number for a square, or height and width.
        network: the network's name.
        options: the network's options.
        training: the training's settings.
        parameters: the number of trainable and non-trainable parameters.
        train_seconds: duration of the training.
        records: what the records of the training were converted with; `None` if it is not known.
    """

    class_names: tuple[str, ...]
    image_size: ImageSize
    network: str
    options: dict[str, Any]
    training: dict[str, Any]
    parameters: int
    train_seconds: float
    records: RecordConfig | None = None

    @property
    def channels(self) -> LabelSet:
        """The output channels: names, ids in masks, colours, and which is the background."""
        return label_set_of_names(self.class_names) if self.records is None else self.records.channels

    @property
    def geometry(self) -> Geometry:
        """How a photo becomes the network's image."""
        if self.records is None:
            return Geometry(self.image_size)
        return Geometry(self.image_size, self.records.resize, self.records.short_side)

    def to_json(self) -> str:
        """Returns the content of the file: the attributes, how photos are resized, the channels' colours and ids."""
        channels = self.channels
        values: dict[str, Any] = {} if self.records is None else {"records": self.records.as_json()}
        values |= {"resize": self.geometry.resize}
        if self.geometry.resize == "crop":
            values |= {"short_side": self.geometry.cropped_side}
        values |= {"palette": channels.colors, "ids": channels.ids, "background": channels.background}
        return json.dumps({**dataclasses.asdict(self), **values}, indent=2)


def read_description(folder: epath.PathLike) -> ModelDescription:
    """Reads the description of a SavedModel without loading the model.

    Args:
        folder: the SavedModel, local or remote (`gs://`, `s3://`).

    Raises:
        ValueError: the folder holds no valid description.
    """
    path = epath.Path(folder) / ASSETS_FOLDER / DESCRIPTION_FILE
    try:
        return parse_description(path.read_text())
    except (OSError, ValueError) as error:
        raise ValueError(f"{folder} is not a model of this project: {path} cannot be read ({error})") from error


def parse_description(text: str) -> ModelDescription:
    """Parses the content of a description's file; keys that a later version of this project may add are ignored.

    Raises:
        ValueError: the text is not a valid description.
    """
    try:
        values = json.loads(text)
        required = [field.name for field in dataclasses.fields(ModelDescription) if field.name != "records"]
        known = {name: values[name] for name in required}
        records = values.get("records")
        known["class_names"] = tuple(known["class_names"])
        known["image_size"] = checked_image_size(known["image_size"])
        description = ModelDescription(**known, records=None if records is None else RecordConfig.from_json(records))
        named = description.channels.names
        if named != description.class_names:
            raise ValueError(f"class_names are {list(description.class_names)}, but its channels {list(named)}")
    except KeyError as error:
        raise ValueError(f"it lacks {error}") from error
    except TypeError as error:
        raise ValueError(str(error)) from error
    return description
