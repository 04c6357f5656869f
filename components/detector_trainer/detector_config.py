"""How a detector is made and trained, as typed data."""

from __future__ import annotations

from typing import Literal

import pydantic

from components.strict_config import StrictConfig
from components.training.augmentation_config import FlipAndColourConfig
from components.training.config import LARGEST_SEED, TrainingConfig


class DetectorAugmentationConfig(FlipAndColourConfig):
    """Settings of the augmentation of photo and boxes; the paper's where nothing else is said.

    Attributes:
        zoom_out: every second image, by chance, is laid on a canvas of up to so many times its side, in the mean
            colour; 1 is off.
        patches: cut a patch that overlaps an object by a least IoU drawn for each image, at times by any, or take the
            whole image; an object whose centre is cut away is dropped.
    """

    zoom_out: float = pydantic.Field(default=4.0, ge=1, le=16)
    patches: bool = True
    brightness: float = pydantic.Field(default=0.125, ge=0, le=1)
    contrast: float = pydantic.Field(default=0.5, ge=0, le=1)
    saturation: float = pydantic.Field(default=0.5, ge=0, le=1)
    hue: float = pydantic.Field(default=0.05, ge=0, le=0.5)


class DetectorConfig(StrictConfig):
    """Settings of an SSD300 and its training; the paper's where nothing else is said.

    Attributes:
        width: factor on the channels of every convolution.
        batch_normalization: normalise after each convolution; needed to train from scratch in few steps.
        weights: to begin with: none, `imagenet` for VGG-16's, or an `.h5` file, whose layers are found by name: of
            keras.applications or of a port of SSD300. What matched is in the model run's `weights.json`.
        epochs: passes over the train split; 0 takes `weights` as they are.
        batch_size: images a step.
        optimizer: `sgd` with Nesterov momentum 0.9, or `adamw`.
        learning_rate: the highest learning rate.
        schedule: as in `TrainingConfig`.
        warmup_epochs: as in `TrainingConfig`.
        weight_decay: as in `TrainingConfig`.
        clip_norm: as in `TrainingConfig`.
        augmentation: what is done to each image and its boxes.
        seed: of initialisation, shuffling and augmentation.
    """

    width: float = pydantic.Field(default=1.0, gt=0, le=1)
    batch_normalization: bool = False
    weights: str | None = None
    epochs: int = pydantic.Field(default=120, ge=0)
    batch_size: int = pydantic.Field(default=32, ge=1)
    optimizer: Literal["adamw", "sgd"] = "sgd"
    learning_rate: float = pydantic.Field(default=1e-3, gt=0)
    schedule: Literal["constant", "poly", "cosine"] = "cosine"
    warmup_epochs: float = pydantic.Field(default=0.0, ge=0)
    weight_decay: float = pydantic.Field(default=5e-4, ge=0)
    clip_norm: float | None = pydantic.Field(default=None, gt=0)
    augmentation: DetectorAugmentationConfig = DetectorAugmentationConfig()
    seed: int = pydantic.Field(default=0, ge=0, le=LARGEST_SEED)

    @property
    def optimization(self) -> TrainingConfig:
        """The settings that the optimiser is made of."""
        shared = ("batch_size", "optimizer", "learning_rate", "schedule", "weight_decay", "clip_norm", "seed")
        return TrainingConfig(
            epochs=max(1, self.epochs),
            warmup_epochs=min(self.warmup_epochs, max(1, self.epochs)),
            **{name: getattr(self, name) for name in shared},
        )
