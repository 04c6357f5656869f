"""The settings of the loss: short and long forms, class weights, error messages."""

from __future__ import annotations

import math
from typing import Any

import pydantic
import pytest

from components.training.loss_config import ClassWeights, LossWeights, resolve_class_weights


class Settings(pydantic.BaseModel):
    loss: LossWeights = {"cross_entropy": 1.0}
    class_weights: ClassWeights = None


def settings_of(**values: Any) -> Settings:
    """Settings from values of any type, as a configuration file has them."""
    return Settings(**values)


def test_settings_have_a_short_and_a_long_form() -> None:
    assert settings_of(loss="dice").loss == {"dice": 1.0}
    assert settings_of(loss={"cross_entropy": 1, "dice": "5e-1"}).loss == {"cross_entropy": 1.0, "dice": 0.5}
    for weights in (None, "median_frequency", {"person": 2.0}):
        assert Settings(class_weights=weights).class_weights == weights
    full = Settings(loss={"focal": 2}, class_weights={"person": 3})
    assert Settings.model_validate_json(full.model_dump_json()) == full


@pytest.mark.parametrize(
    "wrong",
    [
        *("hinge", {}, {"hinge": 1}, {"dice": 1, "hinge": 1}, {"dice": 1, "focal": 0}, None, 3),
        *({"dice": weight} for weight in (0, -1, True, "much", None, math.nan, math.inf)),
    ],
)
def test_invalid_losses_are_rejected_with_one_message(wrong: Any) -> None:
    with pytest.raises(pydantic.ValidationError) as rejected:
        settings_of(loss=wrong)
    (problem,) = rejected.value.errors()
    assert "cross_entropy, focal, dice, lovasz_softmax" in problem["msg"]


@pytest.mark.parametrize(
    "wrong",
    ["often", {}, {"person": 0}, {"person": None}, {"person": True}, {"person": math.inf}, [1.0, 2.0], True],
)
def test_invalid_class_weights_are_rejected_with_one_message(wrong: Any) -> None:
    with pytest.raises(pydantic.ValidationError) as rejected:
        settings_of(class_weights=wrong)
    (problem,) = rejected.value.errors()
    assert "median_frequency" in problem["msg"]


def test_class_weights_by_name_and_by_median_frequency() -> None:
    names = ("background", "cat", "person")
    assert resolve_class_weights(None, names, None) is None
    assert resolve_class_weights({"person": 2.0}, names, None) == [1.0, 1.0, 2.0]
    assert resolve_class_weights("median_frequency", names, [1000, 10, 100]) == [0.1, 10.0, 1.0]
    assert resolve_class_weights("median_frequency", names, [400, 0, 100]) == [0.625, 1.0, 2.5]
    assert resolve_class_weights("median_frequency", names, [0, 0, 0]) == [1.0, 1.0, 1.0]
    assert resolve_class_weights("median_frequency", names, [4, 1, 2]) == [0.5, 2.0, 1.0]
    with pytest.raises(ValueError, match="median_frequency needs the pixels of each class in the train split"):
        resolve_class_weights("median_frequency", names, None)
    with pytest.raises(ValueError, match=r"unknown class 'dog'; allowed are background, cat, person"):
        resolve_class_weights({"dog": 2.0}, names, None)
