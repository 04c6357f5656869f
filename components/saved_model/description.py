"""What a published model says of itself: a file among the SavedModel's assets."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from etils import epath

from components.run_files import DESCRIPTION_FILE
from tfds_voc_seg.labels import VOC_CLASSES, VOID, voc_palette


@dataclasses.dataclass(frozen=True)
class ModelDescription:
    """What a published model says of itself.

    Attributes:
        class_names: the names of the class ids, background first.
        image_size: height and width of the network's input, pixels.
        network: the network's name.
        options: the network's options.
        training: the training's settings.
        parameters: trained and untrained parameters of the network.
        train_seconds: how long the training took.
    """

    class_names: tuple[str, ...]
    image_size: int
    network: str
    options: dict[str, Any]
    training: dict[str, Any]
    parameters: int
    train_seconds: float

    @property
    def palette(self) -> list[tuple[int, int, int]]:
        """A colour for each class id, see `palette_of`."""
        return palette_of(self.class_names)

    def to_json(self) -> str:
        """The description as the file holds it: the attributes and the palette."""
        return json.dumps({**dataclasses.asdict(self), "palette": self.palette}, indent=2)


def palette_of(class_names: Sequence[str]) -> list[tuple[int, int, int]]:
    """A colour for each class id, red, green and blue, 0 to 255: the entries of VOC's palette at `voc_ids`."""
    entries = voc_palette()
    return [(entries[3 * i], entries[3 * i + 1], entries[3 * i + 2]) for i in voc_ids(class_names)]


def voc_ids(class_names: Sequence[str]) -> list[int]:
    """The id that VOC's masks give each class of a model.

    For names that VOC doesn't have, the ids behind those of its own classes.
    """
    spare = iter(range(len(VOC_CLASSES), VOID))
    return [VOC_CLASSES.index(name) if name in VOC_CLASSES else next(spare) for name in class_names]


def read_description(folder: epath.PathLike) -> ModelDescription:
    """Reads what a SavedModel of this project says of itself, without loading the model.

    Args:
        folder: the SavedModel, local or remote (`gs://`, `s3://`).

    Raises:
        ValueError: the folder holds no such description.
    """
    path = epath.Path(folder) / "assets" / DESCRIPTION_FILE
    try:
        values = json.loads(path.read_text())
        # By the names of today's fields: a later version may say more.
        values = {field.name: values[field.name] for field in dataclasses.fields(ModelDescription)}
        return ModelDescription(**{**values, "class_names": tuple(values["class_names"])})
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"{folder} is not a model of this project: {path} can't be read ({reason})") from error
