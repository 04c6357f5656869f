"""The settings that make drawn scenes easier or harder to segment."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SceneStyle:
    """How difficult the scenes are. A pair of numbers is the range of a uniform distribution.

    Attributes:
        long_side: length of an image's longer side in pixels.
        aspect_ratios: short side divided by long side; portrait and landscape are equally likely.
        object_count_odds: probabilities of one, two, three … objects; an object for which no free position is found is
            left out.
        object_scale: square root of the area of an object's box divided by the area of the image.
        object_height: range of an object's height divided by the image's height; it limits `object_scale`.
        rotation: largest rotation of an object in degrees, to either side.
        truncation_chance: probability that the image border cuts an object.
        least_visible: fraction of an object that must stay visible behind the objects in front of it.
        outline_strength: how much darker the outline of a part is than the part: 0 is equal, 1 is black.
        outline_width: width of the outlines divided by the object's height; at least one pixel.
        object_contrast: smallest RGB distance (of at most 1.73) between the colour of an object's body and that of the
            background, and between the colours of the body and of the other parts.
        object_shading: half the difference of relative brightness between an object's top and bottom.
        object_texture: relative amplitude of the noise on objects.
        background_contrast: factor of the distance of the background's colours from their mean: 0 is a flat colour.
        background_blur: radius of the background's Gaussian blur in pixels.
        distractors: range of the number of plain shapes in the background.
        distractor_contrast: the same factor as `background_contrast`, for these shapes.
        sensor_noise: standard deviation of the noise on every value, which ranges from 0 to 255.
    """

    long_side: tuple[int, int] = (200, 320)
    aspect_ratios: tuple[float, ...] = (3 / 4, 1.0, 2 / 3, 9 / 16)
    object_count_odds: tuple[float, ...] = (0.6, 0.35, 0.05)
    object_scale: tuple[float, float] = (0.5, 0.8)
    object_height: tuple[float, float] = (0.3, 0.95)
    rotation: float = 12.0
    truncation_chance: float = 0.2
    least_visible: float = 0.7
    outline_strength: float = 0.6
    outline_width: float = 0.016
    object_contrast: float = 0.45
    object_shading: float = 0.15
    object_texture: float = 0.12
    background_contrast: float = 0.35
    background_blur: float = 1.5
    distractors: tuple[int, int] = (0, 3)
    distractor_contrast: float = 0.35
    sensor_noise: float = 3.0


DEFAULT_STYLE = SceneStyle()
