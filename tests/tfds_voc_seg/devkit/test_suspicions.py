"""Masks that can be read but cannot be right are reported with the likely cause."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from tfds_voc_seg.devkit.check import check_devkit
from tfds_voc_seg.devkit.splits import read_splits
from tfds_voc_seg.devkit.suspicions import suspicions
from tfds_voc_seg.label_set import VOC_LABELS, LabelSet

if TYPE_CHECKING:
    from pathlib import Path

OWN = LabelSet(("soil", "crop"), (0, 1), ((0, 0, 0), (0, 200, 0)), background="soil")


def test_a_usual_devkit_gives_no_suspicion(devkit: Path) -> None:
    assert [split.suspicions for split in check_devkit(devkit).splits] == [(), ()]


def test_masks_of_0_and_255_are_told_from_void(own_devkit: Path) -> None:
    for listing in read_splits(own_devkit).values():
        for pair in listing.pairs:
            with Image.open(pair.mask) as mask:
                values = np.where(np.asarray(mask) % 255, 255, 0).astype(np.uint8)
            values[0] = 0
            Image.fromarray(values).save(pair.mask)
    report = check_devkit(own_devkit)
    assert report.problems == ()
    for split in report.splits:
        (suspicion,) = split.suspicions
        assert "no mask shows any class, only background and void (255)" in suspicion
        assert "labels.yaml with `masks: binary`" in suspicion


def test_void_above_40_percent_and_absent_classes() -> None:
    assert suspicions(0.4, [], OWN) == ()
    (void,) = suspicions(0.41, [], OWN)
    assert void.startswith("41% of the pixels are void: most likely a value of the masks is listed as void")
    (absent,) = suspicions(0.0, ["crop"], OWN)
    assert absent.startswith("no mask shows crop: if the masks do show it, its id or colour in labels.yaml is wrong")
    assert suspicions(0.05, ["cow", "bus"], VOC_LABELS) == ()
    assert len(suspicions(0.0, list(VOC_LABELS.foreground), VOC_LABELS)) == 1
