"""Runs a model on the photos of a devkit and ranks the masks by their disagreement with the predictions."""

from __future__ import annotations

import dataclasses
import functools
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from components.metrics.confusion import confusion_matrix
from components.metrics.disagreement import class_disagreement, main_confusion
from pipeline.label_quality.confident_learning import confident_thresholds, doubted_pixels
from tfds_voc_seg.class_maps import class_map
from tfds_voc_seg.devkit.folders import Pair, PairError
from tfds_voc_seg.devkit.pairs import read_pair
from tfds_voc_seg.devkit.splits import read_splits
from tfds_voc_seg.labels import VOID
from tfds_voc_seg.storage import written_whole

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

    from numpy.typing import NDArray

    from pipeline.prediction.segmenter import Segmenter
    from tfds_voc_seg.label_set import LabelSet

ROWS_FILE = "label_quality.jsonl"
THRESHOLD_IMAGES = 64
"""The thresholds are estimated on at most this number of images, spread evenly over the lists."""
LONGER_SIDE = 640
"""Pixels; larger photos are made smaller first, which limits memory and time."""


@dataclasses.dataclass(frozen=True)
class DoubtedMask:
    """A mask that the model disagrees with about a class.

    Attributes:
        split: the split of the image.
        pair: the photo and the mask.
        class_name: the class.
        disagreement: the share of the class's area that is doubted, 0 to 1; see `class_disagreement`.
        in_mask: the class that the mask shows in most of the doubted pixels.
        predicted: the class that the model predicts there.
        image_share: share of the image's valid pixels that are doubted, whatever their class, 0 to 1.
    """

    split: str
    pair: Pair
    class_name: str
    disagreement: float
    in_mask: str
    predicted: str
    image_share: float


@dataclasses.dataclass(frozen=True)
class ComparedMask:
    """A mask and what the model predicts for its photo.

    Attributes:
        photo: uint8 [height, width, 3], the longer side at most `LONGER_SIDE` pixels.
        truth: uint8 [height, width], the mask's class ids and `VOID`.
        predicted: uint8 [height, width], class ids.
        probabilities: float32 [height, width, K].
    """

    photo: NDArray[np.uint8]
    truth: NDArray[np.uint8]
    predicted: NDArray[np.uint8]
    probabilities: NDArray[np.float32]


class MaskRanking:
    """Compares the masks of a devkit with a model's predictions, one image at a time."""

    def __init__(self, segmenter: Segmenter, devkit: str | Path, labels: LabelSet):
        """Reads the lists of the devkit. Images with problems are left out: `check_devkit` reports them.

        Args:
            segmenter: the model.
            devkit: the folder that contains `JPEGImages`.
            labels: the label set of the masks.

        Raises:
            DevkitError: a list is missing or empty.
            ValueError: the devkit does not have the model's classes.
        """
        self._segmenter = segmenter
        self._config = segmenter.records_on(labels)
        self._pairs = [(split, pair) for split, listing in read_splits(devkit).items() for pair in listing.pairs]

    @property
    def channels(self) -> LabelSet:
        """The model's classes: names and colours."""
        return self._segmenter.channels

    def rank(
        self, top: int, rows: TextIO | None = None, on_image: Callable[[int, int], None] | None = None
    ) -> dict[str, list[DoubtedMask]]:
        """Runs the model on all images and ranks the masks.

        Args:
            top: the number of masks to keep per class.
            rows: gets one line of JSON per image: `split`, `image_id`, `image_share` and `disagreement`, class → value.
            on_image: called after each image with the number of compared images and the total number.

        Returns:
            Class → the masks with the highest disagreement about it, highest first. Masks without a doubted pixel of
            the class are left out.
        """
        ranked: dict[str, list[DoubtedMask]] = {name: [] for name in self.channels.names}
        for done, (split, pair) in enumerate(self._pairs, start=1):
            compared = self.compare(pair)
            if compared is not None:
                found = self._doubted_classes(split, pair, compared)
                for mask in found:
                    kept = [*ranked[mask.class_name], mask]
                    ranked[mask.class_name] = sorted(kept, key=lambda mask: -mask.disagreement)[:top]
                if rows:
                    rows.write(f"{json.dumps(_row(split, pair, found))}\n")
            if on_image:
                on_image(done, len(self._pairs))
        return ranked

    def compare(self, pair: Pair) -> ComparedMask | None:
        """Reads a pair and runs the model on its photo; returns `None` if the pair is invalid."""
        try:
            photo, mask = read_pair(pair, self._config.labels)
        except PairError:
            return None
        photo, truth = _at_most(LONGER_SIDE, photo, class_map(mask, self._config))
        segmentation = self._segmenter(photo)
        return ComparedMask(photo, truth, segmentation.class_map, segmentation.probabilities)

    def doubted(self, compared: ComparedMask) -> NDArray[np.bool_]:
        """Finds the pixels in which the model is sure of another class than the mask shows: bool [height, width]."""
        return doubted_pixels(compared.truth, compared.probabilities, self._thresholds)

    @functools.cached_property
    def _thresholds(self) -> NDArray[np.float64]:
        step = -(-len(self._pairs) // THRESHOLD_IMAGES) or 1
        compared = (self.compare(pair) for _, pair in self._pairs[::step])
        masks = ((mask.truth, mask.probabilities) for mask in compared if mask is not None)
        return confident_thresholds(masks, len(self.channels.names))

    def _doubted_classes(self, split: str, pair: Pair, compared: ComparedMask) -> list[DoubtedMask]:
        """Returns one entry per class that has a doubted pixel."""
        names = self.channels.names
        confusion = confusion_matrix(compared.truth, compared.predicted, len(names))
        where = np.where(self.doubted(compared), compared.truth, np.uint8(VOID))
        doubted = confusion_matrix(where, compared.predicted, len(names))
        image_share = float(doubted.sum() / max(1, confusion.sum()))
        found = []
        disagreement = class_disagreement(confusion, doubted)
        for index in np.flatnonzero(disagreement).tolist():
            in_mask, predicted = (names[class_id] for class_id in main_confusion(doubted, index))
            found.append(
                DoubtedMask(split, pair, names[index], float(disagreement[index]), in_mask, predicted, image_share)
            )
        return found


def rank_and_record(
    ranking: MaskRanking, top: int, output: Path | None, on_image: Callable[[int, int], None] | None = None
) -> dict[str, list[DoubtedMask]]:
    """Ranks the masks as `MaskRanking.rank`, and writes its rows to `label_quality.jsonl`, completely or not at all.

    Args:
        ranking: the masks and the model.
        top: the number of masks to keep per class.
        output: the folder of the file; created if it does not exist. `None`: nothing is written.
        on_image: see `MaskRanking.rank`.

    Raises:
        OSError: the file cannot be written.
    """
    if output is None:
        return ranking.rank(top, None, on_image)
    output.mkdir(parents=True, exist_ok=True)
    with written_whole(output / ROWS_FILE) as unfinished, Path(unfinished).open("w", encoding="utf-8") as rows:
        return ranking.rank(top, rows, on_image)


def _row(split: str, pair: Pair, found: list[DoubtedMask]) -> dict[str, object]:
    return {
        "split": split,
        "image_id": pair.image_id,
        "image_share": found[0].image_share if found else 0.0,
        "disagreement": {mask.class_name: mask.disagreement for mask in found},
    }


def _at_most(
    longer_side: int, photo: NDArray[np.uint8], classes: NDArray[np.uint8]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Makes a photo and its class map smaller if a side is longer than allowed; the class map by nearest neighbour."""
    height, width = classes.shape
    scale = longer_side / max(height, width)
    if scale >= 1:
        return photo, classes
    size = max(1, round(width * scale)), max(1, round(height * scale))
    smaller = Image.fromarray(photo).resize(size, Image.Resampling.BILINEAR)
    return np.asarray(smaller), np.asarray(Image.fromarray(classes).resize(size, Image.Resampling.NEAREST))
