"""How a network is trained, as typed data."""

from __future__ import annotations

from typing import Literal

import pydantic

from components.strict_config import StrictConfig

LARGEST_SEED = 2**32 - 1


class TrainingConfig(StrictConfig):
    """Settings of one training.

    Attributes:
        epochs: passes over the train split.
        batch_size: images a step.
        optimizer: `adamw`, or `sgd` with Nesterov momentum 0.9.
        learning_rate: the highest learning rate.
        schedule: `constant`, or `cosine` decay to zero over the whole training.
        warmup_epochs: epochs of linear rise to `learning_rate`, at most `epochs`; may be a fraction.
        weight_decay: decoupled from the gradient (Loshchilov and Hutter, "Decoupled Weight Decay Regularization", ICLR
            2019): each step takes learning rate × weight decay × weight off every weight.
        horizontal_flip: flip each image with probability 1/2, photo and mask together.
        monitor: the metric whose best epoch is exported.
        seed: of initialisation, dropout, shuffling and augmentation.
    """

    epochs: int = pydantic.Field(default=20, ge=1)
    batch_size: int = pydantic.Field(default=8, ge=1)
    optimizer: Literal["adamw", "sgd"] = "adamw"
    learning_rate: float = pydantic.Field(default=1e-3, gt=0)
    schedule: Literal["constant", "cosine"] = "cosine"
    warmup_epochs: float = pydantic.Field(default=0.0, ge=0)
    weight_decay: float = pydantic.Field(default=1e-4, ge=0)
    horizontal_flip: bool = True
    monitor: Literal["val_mean_iou", "val_accuracy"] = "val_mean_iou"
    seed: int = pydantic.Field(default=0, ge=0, le=LARGEST_SEED)

    @pydantic.field_validator("warmup_epochs")
    @classmethod
    def _within_the_training(cls, warmup_epochs: float, info: pydantic.ValidationInfo) -> float:
        epochs = info.data.get("epochs")
        if epochs is not None and warmup_epochs > epochs:
            raise ValueError(f"must be at most the {epochs} epochs of the training")
        return warmup_epochs
