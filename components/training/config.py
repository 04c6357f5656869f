"""The settings of a training."""

from __future__ import annotations

from typing import Literal

import pydantic

from components.strict_config import StrictConfig
from components.training.augmentation_config import AugmentationConfig
from components.training.loss_config import ClassWeights, LossWeights

LARGEST_SEED = 2**32 - 1


class TrainingConfig(StrictConfig):
    """Settings of one training.

    Attributes:
        epochs: the maximum number of passes over the train split.
        batch_size: images per step; under a distribution strategy, over all replicas.
        loss: `cross_entropy`, `focal`, `dice` or `lovasz_softmax`, or several with their weights: `{cross_entropy: 1,
            dice: 0.5}`.
        pixel_stride: compute loss and metrics of the training at every n-th row and column of pixels only, which takes
            a CPU a part of the time (see `networks.pixel_stride`). The network must upsample its scores by a multiple
            of n. The evaluation of the exported model counts all pixels. 1 by default: all pixels.
        class_weights: for cross-entropy and focal loss: none, `median_frequency`, or class name → weight.
        label_smoothing: for cross-entropy: the share of each pixel's label that is spread evenly over all classes.
        focal_gamma: the exponent of the focal loss.
        optimizer: `adamw`, or `sgd` with Nesterov momentum.
        momentum: the momentum of `sgd`.
        learning_rate: the highest learning rate.
        backbone_learning_rate_factor: factor on the learning rate of the backbone; below 1 for pretrained weights.
        frozen_blocks: the number of backbone blocks, counted from the input, that are not trained.
        cached_images: compute the features of the frozen blocks once for about this many augmented images and keep
            them on disk (see `feature_cache`). Each image of the train split gets the same number of versions, as many
            as fit, but at least one and at most one per epoch; the epochs use the versions in turn, each in an order of
            its own. By default every epoch computes its own versions.
        schedule: `constant`, `cosine` decay to zero, or `poly` decay with power 0.9, over the whole training.
        warmup_epochs: epochs in which the learning rate rises linearly to `learning_rate`, at most `epochs`; can be a
            fraction.
        weight_decay: decoupled from the gradient (Loshchilov and Hutter, "Decoupled Weight Decay Regularization", ICLR
            2019): each step subtracts learning rate × weight decay × weight from every kernel, but not from biases and
            normalisation. The backbone's factor does not apply to it.
        clip_norm: gradients are scaled so that their global norm is at most this; by default they are not.
        ema_momentum: validate and export an exponential moving average of the weights with this momentum per step
            (Polyak and Juditsky, "Acceleration of Stochastic Approximation by Averaging", 1992). The average fluctuates
            less than the weights of a single step: 0.99 averages over about 100 steps. None by default.
        flip_averaging: the exported model averages its class probabilities over the image and its mirror image, which
            takes twice the time (see `export.with_flip_averaging`). The metrics during training do not include it.
        learn_background_classes: learn VOC's classes that became background as classes of their own, so that the
            network distinguishes a cat from a dog; metrics and the exported model count them as background (see
            `background_classes`). The records must store these classes.
        augmentation: the augmentation of each image, photo and mask together.
        monitor: the metric that selects the epoch to export.
        early_stopping_patience: stop after this many epochs without a better `monitor`; by default never.
        precision: `float32`; or `float16` or `bfloat16` for mixed precision, which computes in 16 bits and keeps the
            weights in 32.
        xla: compile each step with XLA; by default if there is exactly one GPU.
        distribute: `auto` uses all GPUs of the machine and all workers that `TF_CONFIG` names; `none` uses one device.
        seed: seed of initialisation, dropout, shuffling and augmentation.
    """

    epochs: int = pydantic.Field(default=20, ge=1)
    batch_size: int = pydantic.Field(default=8, ge=1)
    loss: LossWeights = pydantic.Field(default={"cross_entropy": 1.0}, validate_default=True)
    pixel_stride: int = pydantic.Field(default=1, ge=1)
    class_weights: ClassWeights = None
    label_smoothing: float = pydantic.Field(default=0.0, ge=0, lt=1)
    focal_gamma: float = pydantic.Field(default=2.0, ge=0)
    optimizer: Literal["adamw", "sgd"] = "adamw"
    momentum: float = pydantic.Field(default=0.9, ge=0, lt=1)
    learning_rate: float = pydantic.Field(default=1e-3, gt=0)
    backbone_learning_rate_factor: float = pydantic.Field(default=1.0, gt=0, le=1)
    frozen_blocks: int = pydantic.Field(default=0, ge=0)
    cached_images: int | None = pydantic.Field(default=None, ge=1)
    schedule: Literal["constant", "poly", "cosine"] = "cosine"
    warmup_epochs: float = pydantic.Field(default=0.0, ge=0)
    weight_decay: float = pydantic.Field(default=1e-4, ge=0)
    clip_norm: float | None = pydantic.Field(default=None, gt=0)
    ema_momentum: float | None = pydantic.Field(default=None, gt=0, lt=1)
    flip_averaging: bool = False
    learn_background_classes: bool = False
    augmentation: AugmentationConfig = AugmentationConfig()
    monitor: Literal["val_mean_iou", "val_accuracy"] = "val_mean_iou"
    early_stopping_patience: int | None = pydantic.Field(default=None, ge=1)
    precision: Literal["float32", "float16", "bfloat16"] = "float32"
    xla: bool | None = None
    distribute: Literal["auto", "none"] = "auto"
    seed: int = pydantic.Field(default=0, ge=0, le=LARGEST_SEED)

    @pydantic.field_validator("cached_images")
    @classmethod
    def _something_is_frozen(cls, cached_images: int | None, info: pydantic.ValidationInfo) -> int | None:
        if cached_images is not None and info.data.get("frozen_blocks") == 0:
            raise ValueError("only the features of frozen blocks can be cached: set training.frozen_blocks, too")
        return cached_images

    @pydantic.field_validator("warmup_epochs")
    @classmethod
    def _within_the_training(cls, warmup_epochs: float, info: pydantic.ValidationInfo) -> float:
        epochs = info.data.get("epochs")
        if epochs is not None and warmup_epochs > epochs:
            raise ValueError(f"must be at most the {epochs} epochs of the training")
        return warmup_epochs
