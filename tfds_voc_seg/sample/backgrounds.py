"""Draws the textured backgrounds of the embedded sample's scenes."""

from __future__ import annotations

import colorsys
import math
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

if TYPE_CHECKING:
    from tfds_voc_seg.sample.shapes import Points
    from tfds_voc_seg.sample.style import SceneStyle


def draw_background(rng: np.random.Generator, width: int, height: int, style: SceneStyle) -> Image.Image:
    """Draws two textures over a base colour, and distractor shapes; blurs the result, so that no edge is sharp."""
    base, second, third = (random_colour(rng) for _ in range(3))
    field, grain = _pattern(rng, width, height), _pattern(rng, width, height)
    pixels = base + field[..., None] * (second - base) + 0.35 * grain[..., None] * (third - base)
    mean = pixels.mean(axis=(0, 1))
    pixels = mean + style.background_contrast * (pixels - mean)
    picture = Image.fromarray(np.clip(pixels * 255, 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    for _ in range(rng.integers(style.distractors[0], style.distractors[1] + 1)):
        colour = mean + style.distractor_contrast * (random_colour(rng) - mean)
        fill = as_fill(colour)
        centre, radii = rng.uniform(0, 1, 2) * (width, height), rng.uniform(0.04, 0.2, 2) * max(width, height)
        kind = rng.integers(3)
        if kind == 0:
            draw.ellipse([*(centre - radii), *(centre + radii)], fill=fill)
        else:  # a rotated quadrilateral, or an irregular polygon with three to six corners
            corners = 4 if kind == 1 else int(rng.integers(3, 7))
            angle = rng.uniform(0, 2 * math.pi) + np.arange(corners) * 2 * math.pi / corners
            reach = radii if kind == 1 else radii * rng.uniform(0.5, 1.0, (corners, 1))
            draw.polygon(as_xy(centre + reach * np.stack([np.cos(angle), np.sin(angle)], axis=1)), fill=fill)
    return picture.filter(ImageFilter.GaussianBlur(style.background_blur))


def random_colour(rng: np.random.Generator) -> Points:
    """Returns a random colour; objects, backgrounds and distractors share this distribution: float64 [3], 0 to 1."""
    return np.array(colorsys.hsv_to_rgb(rng.random(), rng.uniform(0.1, 0.85), rng.uniform(0.3, 0.95)))


def _pattern(rng: np.random.Generator, width: int, height: int) -> Points:
    """Returns one of five random textures: float64 [height, width], 0 to 1."""
    y, x = np.mgrid[:height, :width] / max(width, height)
    angle = rng.uniform(0, 2 * math.pi)
    along, across = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
    waves = rng.uniform(3, 12) * 2 * math.pi
    kind = rng.integers(5)
    if kind == 0:
        field = value_noise(rng, width, height, cells=int(rng.integers(3, 9))) * 0.6
    elif kind == 1:
        field = np.tanh(2 * np.sin(waves * along))
    elif kind == 2:
        field = (along - along.mean()) * 3
    elif kind == 3:
        field = np.tanh(6 * np.sin(waves * along) * np.sin(waves * across))
    else:
        field = np.tanh(6 * value_noise(rng, width, height, cells=int(rng.integers(3, 7)), octaves=1))
    return np.clip(0.5 + 0.5 * field, 0, 1)


def value_noise(rng: np.random.Generator, width: int, height: int, cells: int, octaves: int = 3) -> Points:
    """Returns value noise, the sum of random grids of increasing resolution: float64 [height, width], about -1 to 1."""
    total = np.zeros((height, width))
    for octave in range(octaves):
        grid = rng.uniform(-1, 1, (cells << octave, cells << octave)).astype(np.float32)
        total += np.asarray(Image.fromarray(grid).resize((width, height), Image.Resampling.BICUBIC)) / 2**octave
    return total


def as_fill(colour: Points) -> tuple[int, int, int]:
    """Converts a colour from 0..1 to PIL's 0..255."""
    red, green, blue = (int(value) for value in np.clip(colour * 255, 0, 255))
    return red, green, blue


def as_xy(points: Points) -> list[tuple[float, float]]:
    """Converts points, float64 [points, 2], to the list that PIL takes."""
    return [(float(x), float(y)) for x, y in points]
