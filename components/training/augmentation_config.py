"""The settings of the augmentation during training."""

from __future__ import annotations

from typing import Any

import pydantic

from components.strict_config import StrictConfig

Strength = pydantic.Field(default=0.0, ge=0, le=1)


class FlipAndColourConfig(StrictConfig):
    """The settings that segmentation and detection share. A strength of 0 turns a colour change off.

    Attributes:
        horizontal_flip: mirror an image with probability 1/2.
        brightness: 0 to 1: the largest deviation from 1 of the factor on all colours.
        contrast: 0 to 1: the largest deviation from 1 of the factor on the difference from the photo's mean grey.
        saturation: 0 to 1: the largest deviation from 1 of the factor on the difference from the pixel's own grey.
        hue: 0 to 0.5: the largest rotation of hues in either direction, as a share of the colour circle.
    """

    horizontal_flip: bool = True
    brightness: float = Strength
    contrast: float = Strength
    saturation: float = Strength
    hue: float = pydantic.Field(default=0.0, ge=0, le=0.5)

    @property
    def changes_colours(self) -> bool:
        """Whether any colour change is on."""
        return any((self.brightness, self.contrast, self.saturation, self.hue))


class AugmentationConfig(FlipAndColourConfig):
    """The settings for segmentation. Photo and class map are flipped and scaled together; colours change in the photo.

    Attributes:
        scale: the smallest and the largest factor on the size, such as [0.5, 2.0]. A larger image is cropped, a smaller
            one padded. None by default.
        rare_crops: only with `data.resize: crop`: the share of the crops that are taken around a pixel of a rare class,
            0 to 1; see `cropping.RandomCrop`. 0.5 by default.
    """

    scale: tuple[float, float] | None = None
    rare_crops: float | None = pydantic.Field(default=None, ge=0, le=1)

    @pydantic.model_serializer(mode="wrap")
    def _without_unused(self, serialize: pydantic.SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leaves `rare_crops` out where it is not set, so that older settings keep the text that caches depend on."""
        values: dict[str, Any] = serialize(self)
        return {key: value for key, value in values.items() if key != "rare_crops" or value is not None}

    @pydantic.field_validator("scale")
    @classmethod
    def _smallest_first(cls, scale: tuple[float, float] | None) -> tuple[float, float] | None:
        if scale is not None and not 0 < scale[0] <= scale[1]:
            raise ValueError("must be two factors above 0, the smaller one first, such as [0.5, 2.0]")
        return scale
