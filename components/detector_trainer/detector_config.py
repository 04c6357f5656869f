"""Settings of a detector and its training."""

from __future__ import annotations

from typing import Literal

import pydantic

from components.strict_config import StrictConfig
from components.training.augmentation_config import FlipAndColourConfig
from components.training.config import LARGEST_SEED, TrainingConfig

SMALLEST_SIZE = 64
"""The smallest input of an SSD, pixels."""


class DetectorAugmentationConfig(FlipAndColourConfig):
    """Settings of the augmentation of photo and boxes; the defaults are those of the SSD paper.

    Attributes:
        zoom_out: with probability 0.5, the image is placed on a canvas of the mean colour whose side is up to this
            factor larger; 1 disables it.
        patches: use the whole image or crop a patch that overlaps an object by a random minimum IoU, at random; objects
            whose centre is outside the patch are dropped.
    """

    zoom_out: float = pydantic.Field(default=4.0, ge=1, le=16)
    patches: bool = True
    brightness: float = pydantic.Field(default=0.125, ge=0, le=1)
    contrast: float = pydantic.Field(default=0.5, ge=0, le=1)
    saturation: float = pydantic.Field(default=0.5, ge=0, le=1)
    hue: float = pydantic.Field(default=0.05, ge=0, le=0.5)


class DetectorConfig(StrictConfig):
    """Settings of an SSD300 and its training; the defaults are those of the SSD paper.

    Attributes:
        width: factor for the channels of all convolutions.
        batch_normalization: add batch normalization after each convolution; required to train from scratch in few
            steps.
        weights: initial weights: null, `imagenet` for VGG-16's, or an `.h5` file from keras.applications or from a port
            of SSD300; layers are matched by name. The model run's `weights.json` lists the matched layers.
        epochs: passes over the train split; 0 uses `weights` without training.
        batch_size: images per step.
        optimizer: `sgd` with Nesterov momentum 0.9, or `adamw`.
        learning_rate: the highest learning rate.
        schedule: as in `TrainingConfig`.
        warmup_epochs: as in `TrainingConfig`.
        weight_decay: as in `TrainingConfig`.
        clip_norm: as in `TrainingConfig`.
        augmentation: augmentation of the images and their boxes.
        seed: seed of initialisation, shuffling and augmentation.
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
        """The settings of the optimizer as a `TrainingConfig`."""
        shared = ("batch_size", "optimizer", "learning_rate", "schedule", "weight_decay", "clip_norm", "seed")
        return TrainingConfig(
            epochs=max(1, self.epochs),
            warmup_epochs=min(self.warmup_epochs, max(1, self.epochs)),
            **{name: getattr(self, name) for name in shared},
        )
