"""The description of an exported model: a JSON file among the SavedModel's assets."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

from etils import epath

from components.run_files import ASSETS_FOLDER, DESCRIPTION_FILE
from tfds_voc_seg.labels import VOC_CLASSES, VOID, voc_palette

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclasses.dataclass(frozen=True)
class ModelDescription:
    """How a model was made and what its outputs mean.

    Attributes:
        class_names: the class names in the order of the class ids, background first.
        image_size: height and width of the network's input, pixels.
        network: the network's name.
        options: the network's options.
        training: the training's settings.
        parameters: the number of trainable and non-trainable parameters.
        train_seconds: duration of the training.
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
        """The colour of each class id, see `palette_of`."""
        return palette_of(self.class_names)

    def to_json(self) -> str:
        """Returns the content of the file: the attributes and the palette."""
        return json.dumps({**dataclasses.asdict(self), "palette": self.palette}, indent=2)


def palette_of(class_names: Sequence[str]) -> list[tuple[int, int, int]]:
    """Returns the colour of each class id (red, green, blue, 0 to 255): the entries of VOC's palette at `voc_ids`."""
    entries = voc_palette()
    return [(entries[3 * i], entries[3 * i + 1], entries[3 * i + 2]) for i in voc_ids(class_names)]


def voc_ids(class_names: Sequence[str]) -> list[int]:
    """Returns the id of each class of a model in VOC's masks.

    Names that VOC does not know get the ids after those of VOC's classes.
    """
    spare = iter(range(len(VOC_CLASSES), VOID))
    return [VOC_CLASSES.index(name) if name in VOC_CLASSES else next(spare) for name in class_names]


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
        values = {field.name: values[field.name] for field in dataclasses.fields(ModelDescription)}
        return ModelDescription(**{**values, "class_names": tuple(values["class_names"])})
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"{folder} is not a model of this project: {path} cannot be read ({reason})") from error
