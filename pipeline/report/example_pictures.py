"""Pictures of single images for the report: photo, ground truth, predictions and wrong pixels."""

from __future__ import annotations

import base64
import dataclasses
import io
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from components.run_files import PHOTO_FILE, TRUTH_FILE
from tfds_voc_seg.labels import VOID
from tfds_voc_seg.pictures import classes_seen, enlarge, hatch_void, overlay

if TYPE_CHECKING:
    from collections.abc import Mapping

    from etils import epath

    from tfds_voc_seg.label_set import LabelSet

WRONG = (226, 28, 96)
"""The colour of wrong pixels; no class of VOC has a similar one, those of other label sets may."""
RANKS = ("best", "median", "worst")

_WEBP_QUALITY = 84


@dataclasses.dataclass(frozen=True)
class ExampleView:
    """One image, as the report shows it. Pictures are `data:` URIs.

    Attributes:
        image_id: VOC's image id.
        rank: one of `RANKS`.
        mean_iou: model → mean IoU of this image alone; `None` if it has no valid pixel.
        width: the pictures' width, pixels.
        height: the pictures' height, pixels.
        photo: the photo as the networks see it.
        truth: the ground truth over the photo.
        predictions: model → its prediction over the photo.
        differences: model → its wrong pixels over a pale photo.
        classes: the classes in the ground truth and in the predictions, with `void` if it occurs.
    """

    image_id: str
    rank: str
    mean_iou: dict[str, float | None]
    width: int
    height: int
    photo: str
    truth: str
    predictions: dict[str, str]
    differences: dict[str, str]
    classes: tuple[str, ...]


def example_view(folder: epath.Path, example: Mapping[str, Any], channels: LabelSet) -> ExampleView:
    """Draws the pictures of one image.

    Args:
        folder: has a subfolder named after the image id, with `photo.png`, `truth.png` and one class map per model.
        example: `image_id`, `rank` and `mean_iou` (model → value).
        channels: the classes with their colours.

    Raises:
        OSError: a picture is missing or damaged.
        ValueError: a class map does not fit the photo or the names.
    """
    files = folder / str(example["image_id"])
    photo = enlarge(read_picture(files / PHOTO_FILE, "RGB"))
    truth = enlarge(read_picture(files / TRUTH_FILE))
    predicted = {
        name: enlarge(read_picture(files / f"{name}.png"))
        for name in example["mean_iou"]
        if (files / f"{name}.png").is_file()
    }
    maps = [truth, *predicted.values()]
    seen = {name for class_map in maps for name in classes_seen(class_map, channels.names)}
    return ExampleView(
        image_id=str(example["image_id"]),
        rank=example["rank"],
        mean_iou=dict(example["mean_iou"]),
        width=photo.shape[1],
        height=photo.shape[0],
        photo=data_uri(photo),
        truth=data_uri(overlay(photo, truth, channels)),
        predictions={name: data_uri(overlay(photo, map_, channels)) for name, map_ in predicted.items()},
        differences={name: data_uri(difference(photo, truth, map_)) for name, map_ in predicted.items()},
        classes=tuple(name for name in [*channels.names, "void"] if name in seen),
    )


def difference(photo: np.ndarray, truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Paints the wrong pixels over a pale grey photo. Void pixels are hatched: they are neither right nor wrong.

    Args:
        photo: uint8 [height, width, 3].
        truth: uint8 [height, width], class ids and `VOID`.
        predicted: uint8 [height, width], class ids.

    Returns:
        uint8 [height, width, 3].
    """
    grey = photo.mean(axis=-1, keepdims=True)
    painted = np.broadcast_to(np.rint(150 + 0.38 * grey), photo.shape).astype(np.uint8)
    painted[(truth != predicted) & (truth != VOID)] = WRONG
    hatch_void(painted, truth == VOID)
    return painted


def data_uri(picture: np.ndarray) -> str:
    """Encodes a picture, uint8 [height, width, 3], as PNG or WebP, whichever is smaller."""
    encoded = {"png": io.BytesIO(), "webp": io.BytesIO()}
    Image.fromarray(picture).save(encoded["png"], "PNG")
    Image.fromarray(picture).save(encoded["webp"], "WEBP", quality=_WEBP_QUALITY)
    kind = min(encoded, key=lambda name: len(encoded[name].getvalue()))
    return f"data:image/{kind};base64,{base64.b64encode(encoded[kind].getvalue()).decode()}"


def read_picture(file: epath.Path, mode: str | None = None) -> np.ndarray:
    """Reads a picture.

    Args:
        file: the picture.
        mode: Pillow's mode to convert it to; `None` for a class map, which must have the mode P or L.

    Returns:
        Pixels, uint8 [height, width, channels]; class ids, uint8 [height, width], of a class map.

    Raises:
        OSError: the picture is missing or damaged.
        ValueError: it is not a class map.
    """
    with Image.open(io.BytesIO(file.read_bytes())) as image:
        if mode is None and image.mode not in ("P", "L"):
            raise ValueError(f"{file} is not a class map: its mode is {image.mode}")
        return np.asarray(image.convert(mode) if mode else image)
