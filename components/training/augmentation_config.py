"""What is done to the images while training, as typed data."""

from __future__ import annotations

import pydantic

from components.strict_config import StrictConfig

Strength = pydantic.Field(default=0.0, ge=0, le=1)


class FlipAndColourConfig(StrictConfig):
    """Settings of every augmentation.

    Attributes:
        horizontal_flip: mirror every second image, by chance.
        brightness: 0 to 1: how far the factor on all colours may be from 1; as for the next three, 0 is off.
        contrast: 0 to 1: how far the factor on the distance from the photo's mean grey may be from 1.
        saturation: 0 to 1: how far the factor on the distance from the pixel's own grey may be from 1.
        hue: 0 to 0.5: by what share of the colour circle hues may turn, either way.
    """

    horizontal_flip: bool = True
    brightness: float = Strength
    contrast: float = Strength
    saturation: float = Strength
    hue: float = pydantic.Field(default=0.0, ge=0, le=0.5)

    @property
    def changes_colours(self) -> bool:
        """Whether any of the colour settings is on."""
        return any((self.brightness, self.contrast, self.saturation, self.hue))


class AugmentationConfig(FlipAndColourConfig):
    """Settings of the augmentation, of photo and class map together; colours of the photo alone.

    Attributes:
        scale: smallest and largest factor on the size, such as [0.5, 2.0]; a larger image is cropped, a smaller one
            padded. None by default.
    """

    scale: tuple[float, float] | None = None

    @pydantic.field_validator("scale")
    @classmethod
    def _smallest_first(cls, scale: tuple[float, float] | None) -> tuple[float, float] | None:
        if scale is not None and not 0 < scale[0] <= scale[1]:
            raise ValueError("must be two factors above 0, the smaller one first, such as [0.5, 2.0]")
        return scale
