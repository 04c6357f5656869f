"""The trainer's parameter `epochs`, which a run on a cluster may set, goes over the configuration."""

from __future__ import annotations

import pytest

from components.training.config import TrainingConfig


@pytest.mark.parametrize(
    ("given", "trained"), [({}, 20), ({"epochs": 0}, 20), ({"epochs": None}, 20), ({"epochs": 3}, 3)]
)
def test_epochs_above_zero_go_over_the_configured_ones(given: dict[str, int | None], trained: int) -> None:
    from components.segmentation_trainer.executor import _config

    config = TrainingConfig(epochs=20, learning_rate=0.5)
    made = _config({"training": config.model_dump_json(), **given})
    assert made == config.model_copy(update={"epochs": trained})


def test_a_warm_up_longer_than_the_training_is_refused() -> None:
    from components.segmentation_trainer.executor import _config

    with pytest.raises(ValueError, match="must be at most the 3 epochs of the training"):
        _config({"training": TrainingConfig(epochs=20, warmup_epochs=5).model_dump_json(), "epochs": 3})
