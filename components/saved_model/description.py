"""The description of an exported model: a JSON file among the SavedModel's assets."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from etils import epath

from components.run_files import ASSETS_FOLDER, DESCRIPTION_FILE
from tfds_voc_seg.label_set import LabelSet, label_set_of_names
from tfds_voc_seg.record_config import RecordConfig


@dataclasses.dataclass(frozen=True)
class ModelDescription:
    """How a model was made and what its outputs mean.

    Attributes:
        class_names: the class names in the order of the class ids; the background first, if there is one.
        image_size: height and width of the network's input, pixels.
        network: the network's name.
        options: the network's options.
        training: the training's settings.
        parameters: the number of trainable and non-trainable parameters.
        train_seconds: duration of the training.
        records: what the records of the training were converted with; `None` if it is not known.
    """

    class_names: tuple[str, ...]
    image_size: int
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

    def to_json(self) -> str:
        """Returns the content of the file: the attributes, the palette (a colour per channel) and the mask ids."""
        channels = self.channels
        values = {"palette": channels.colors, "ids": channels.ids, "background": channels.background}
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
        values = json.loads(path.read_text())
        # Other keys are ignored: a later version of this project may add some.
        required = [field.name for field in dataclasses.fields(ModelDescription) if field.name != "records"]
        known = {name: values[name] for name in required}
        records = values.get("records")
        known["class_names"] = tuple(known["class_names"])
        return ModelDescription(**known, records=records and RecordConfig.from_json(records))
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"{folder} is not a model of this project: {path} cannot be read ({reason})") from error
