"""`Painter` paints like alpha blending, and refuses class maps that do not fit."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.prediction import painting
from pipeline.prediction.painting import Painter

PALETTE = ((0, 0, 0), (192, 128, 128), (64, 0, 128))
PICTURE = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
CLASSES = np.random.default_rng(1).integers(0, 3, (40, 50), dtype=np.uint8)


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_painting_equals_blending(alpha: float) -> None:
    painted = Painter(PALETTE, alpha=alpha)(PICTURE, CLASSES)
    blended = (1 - alpha) * PICTURE + alpha * np.array(PALETTE)[CLASSES]
    expected = np.where(CLASSES[..., np.newaxis] == 0, PICTURE, np.rint(blended.astype(np.float32)))
    assert np.abs(painted - expected).max() <= 1
    assert (painted[CLASSES == 0] == PICTURE[CLASSES == 0]).all()


def test_a_large_picture_is_painted_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    at_once = Painter(PALETTE, contours=True)(PICTURE, CLASSES)
    monkeypatch.setattr(painting, "PIXELS_AT_ONCE", 7 * 50)
    np.testing.assert_array_equal(Painter(PALETTE, contours=True)(PICTURE, CLASSES), at_once)


def test_class_maps_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="contains class 3, but there are 3 colours"):
        Painter(PALETTE)(PICTURE, CLASSES + 1)
    with pytest.raises(ValueError, match=r"a plane of shape \(40, 50\) does not fit a class map of \(39, 50\)"):
        Painter(PALETTE)(PICTURE, CLASSES[1:])


def test_without_background_class_0_is_painted_and_outlined() -> None:
    painted = Painter(PALETTE, has_background=False, alpha=1)(PICTURE, CLASSES)
    np.testing.assert_array_equal(painted, np.array(PALETTE, np.uint8)[CLASSES])
    outlined = Painter(PALETTE, has_background=False, alpha=0, contours=True)(PICTURE, CLASSES)
    inside = CLASSES[1:-1, 1:-1] == 0
    beside = [
        CLASSES[1 + row : 39 + row, 1 + column : 49 + column] for row, column in ((0, 1), (0, -1), (1, 0), (-1, 0))
    ]
    drawn = inside & np.any([neighbour != 0 for neighbour in beside], axis=0)
    assert (outlined[1:-1, 1:-1][drawn] == PALETTE[0]).all()
