"""How a network is trained, as typed data."""

from __future__ import annotations

from typing import Literal

import pydantic


class TrainingConfig(pydantic.BaseModel):
    """Settings of one training.

    Attributes:
        epochs: passes over the train split.
        batch_size: images a step.
        optimizer: `adamw`, or `sgd` with Nesterov momentum 0.9.
        learning_rate: the highest learning rate.
        schedule: `constant`, or `cosine` decay to zero over the whole training.
        warmup_epochs: epochs of linear rise to `learning_rate`; may be a fraction.
        weight_decay: decoupled weight decay for `adamw`, L2 factor for `sgd`.
        horizontal_flip: flip every other image, photo and mask together.
        monitor: the metric whose best epoch is exported.
        seed: of initialisation, dropout, shuffling and augmentation.
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    epochs: int = pydantic.Field(default=20, ge=1)
    batch_size: int = pydantic.Field(default=8, ge=1)
    optimizer: Literal["adamw", "sgd"] = "adamw"
    learning_rate: float = pydantic.Field(default=1e-3, gt=0)
    schedule: Literal["constant", "cosine"] = "cosine"
    warmup_epochs: float = pydantic.Field(default=0.0, ge=0)
    weight_decay: float = pydantic.Field(default=1e-4, ge=0)
    horizontal_flip: bool = True
    monitor: Literal["val_mean_iou", "val_accuracy"] = "val_mean_iou"
    seed: int = pydantic.Field(default=0, ge=0)
