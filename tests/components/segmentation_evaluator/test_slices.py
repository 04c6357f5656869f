"""The slices of an image follow its label set, with and without a background."""

from __future__ import annotations

import numpy as np
import pytest

from components.segmentation_evaluator.slices import foreground_share, slice_features, slice_values
from tfds_voc_seg.label_set import LabelSet, label_set_of_names
from tfds_voc_seg.labels import VOID

WITH = label_set_of_names(("background", "dog", "person"))
WITHOUT = LabelSet(("sky", "road"), (0, 1), ((0, 0, 0), (1, 1, 1)))
CLASSES = np.array([[0, 0, 0, 1, VOID]], np.uint8)


def test_share_of_foreground() -> None:
    assert foreground_share(CLASSES, WITH) == pytest.approx(1 / 4)
    assert foreground_share(CLASSES, WITHOUT) == 1
    assert foreground_share(np.full((2, 2), VOID, np.uint8), WITHOUT) == 0


@pytest.mark.parametrize(
    ("channels", "present", "share"), [(WITH, ["dog"], "20 to 50 %"), (WITHOUT, ["sky", "road"], "over 50 %")]
)
def test_slices_of_an_image(channels: LabelSet, present: list[str], share: str) -> None:
    features = slice_features(CLASSES, 100, 400, channels)
    assert features == {
        "class present": present,
        "share of foreground": [share],
        "image size": ["321 to 480 pixels"],
    }
    listed = slice_values(channels)
    assert [name for feature, name in listed if feature == "class present"] == list(channels.foreground)
    assert {(feature, value) for feature, values in features.items() for value in values} <= set(listed)
