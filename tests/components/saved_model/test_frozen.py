"""Weights as constants: the same scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tensorflow as tf

from components.saved_model import frozen
from components.saved_model.signatures import SCORE_IMAGES_SIGNATURE
from tests.components.saved_model.small_model import SIZE

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("images", [0, 1, 5])
@pytest.mark.parametrize("largest", [0, frozen.LARGEST_WEIGHTS], ids=["variables", "constants"])
def test_the_scores_are_those_of_the_signature(
    images: int, largest: int, folder: Path, model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frozen, "LARGEST_WEIGHTS", largest)
    batch = tf.constant(np.random.default_rng(0).integers(0, 256, (images, SIZE, SIZE, 3), np.uint8))
    scores = frozen.load_scores(folder)(batch)
    np.testing.assert_allclose(scores, model.signatures[SCORE_IMAGES_SIGNATURE](images=batch)["scores"], atol=1e-5)


def test_no_variable_is_left(model: Any) -> None:
    assert model.signatures[SCORE_IMAGES_SIGNATURE].variables
    assert not frozen.frozen_signature(model).variables
