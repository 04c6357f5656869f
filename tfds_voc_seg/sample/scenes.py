"""Drawn scenes: objects of five of VOC's classes before textured backgrounds, and the truth about them.

Objects and backgrounds take their colours from one distribution, so a class shows in shape and structure alone.
"""

from __future__ import annotations

import colorsys
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from tfds_voc_seg.sample.shapes import BODY, PAINTS, SHAPES, Part, Points

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

SAMPLE_CLASSES: tuple[str, ...] = tuple(SHAPES)
"""The foreground classes of the sample, in VOC's order."""

_SUPERSAMPLING = 3  # odd, so that one sample lies at each pixel's centre: that one alone decides the mask
_Ink = int | tuple[int, int, int]
_PLACEMENT_ATTEMPTS = 12


@dataclass(frozen=True)
class SceneStyle:
    """What makes the scenes easier or harder to segment. Pairs are the bounds of a uniform draw.

    Attributes:
        long_side: Pixels along an image's longer side.
        aspect_ratios: Short side over long side; an image is portrait or landscape with equal chance.
        object_count_odds: Chances of one, two, three … objects; one that finds no free place is left out.
        object_scale: Square root of the object's box area over the image's area.
        object_height: Bounds of an object's height over the image's; they win over `object_scale`.
        rotation: Largest tilt of an object, in degrees to either side.
        truncation_chance: Chance that the image's border cuts an object.
        least_visible: Share of an object that those in front of it must leave uncovered.
        outline_strength: How much darker than its paint a part's outline is: 0 the same, 1 black.
        outline_width: Over the object's height; never under a pixel.
        object_contrast: Least RGB distance (of at most 1.73) between body and background, and body and other paints.
        object_shading: Relative brightness at an object's top, less that at its bottom, halved.
        object_texture: Relative amplitude of the noise on objects.
        background_contrast: Distance of the background's colours from their mean: 1 as drawn, 0 flat.
        background_blur: Radius of the background's Gaussian blur, in pixels.
        distractors: Bounds of the number of plain shapes in the background.
        distractor_contrast: As `background_contrast`, of those shapes.
        sensor_noise: Standard deviation of the noise on every value, in 0..255.
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

# Silhouettes fill their boxes to different degrees: these even out the classes' pixel counts.
_CLASS_SCALE = {"aeroplane": 1.25, "bottle": 0.86, "car": 0.95, "person": 1.2, "tvmonitor": 0.9}


_SEEN_FROM_THE_SIDE = ("aeroplane", "car")


@dataclass(frozen=True)
class DrawnObject:
    """What VOC's annotation tells of one object. The box (left, top, right, bottom) is 1-based and inclusive."""

    name: str
    pose: str
    truncated: bool
    occluded: bool
    box: tuple[int, int, int, int]


@dataclass(frozen=True)
class Scene:
    """One drawn picture: `image` uint8 [height, width, 3], and the truth about it.

    `instances` (uint8 [height, width]) is 0 for background and n for `objects[n - 1]`, without a void border.
    """

    image: NDArray[np.uint8]
    instances: NDArray[np.uint8]
    objects: tuple[DrawnObject, ...]


def _random_colour(rng: np.random.Generator) -> Points:
    """Draws from the one colour distribution of objects, backgrounds and distractors: float64 [3] in 0..1."""
    return np.array(colorsys.hsv_to_rgb(rng.random(), rng.uniform(0.1, 0.85), rng.uniform(0.3, 0.95)))


def _colour_apart(rng: np.random.Generator, other: Points, distance: float) -> Points:
    for _ in range(8):
        colour = _random_colour(rng)
        if np.linalg.norm(colour - other) >= distance:
            break
    return colour


def _value_noise(rng: np.random.Generator, width: int, height: int, cells: int, octaves: int = 3) -> Points:
    """Random values on ever finer grids, interpolated and added up: float64 [height, width] in about -1..1."""
    total = np.zeros((height, width))
    for octave in range(octaves):
        grid = rng.uniform(-1, 1, (cells << octave, cells << octave)).astype(np.float32)
        total += np.asarray(Image.fromarray(grid).resize((width, height), Image.Resampling.BICUBIC)) / 2**octave
    return total


def _pattern(rng: np.random.Generator, width: int, height: int) -> Points:
    """One of five textures: float64 [height, width] in 0..1."""
    y, x = np.mgrid[:height, :width] / max(width, height)
    angle = rng.uniform(0, 2 * math.pi)
    along, across = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
    waves = rng.uniform(3, 12) * 2 * math.pi
    kind = rng.integers(5)
    if kind == 0:
        field = _value_noise(rng, width, height, cells=int(rng.integers(3, 9))) * 0.6
    elif kind == 1:
        field = np.tanh(2 * np.sin(waves * along))
    elif kind == 2:
        field = (along - along.mean()) * 3
    elif kind == 3:
        field = np.tanh(6 * np.sin(waves * along) * np.sin(waves * across))
    else:
        field = np.tanh(6 * _value_noise(rng, width, height, cells=int(rng.integers(3, 7)), octaves=1))
    return np.clip(0.5 + 0.5 * field, 0, 1)


def _background(rng: np.random.Generator, width: int, height: int, style: SceneStyle) -> Image.Image:
    """Two textures over a base colour, and distractor shapes: an RGB image, softer than any object."""
    base, second, third = (_random_colour(rng) for _ in range(3))
    field, grain = _pattern(rng, width, height), _pattern(rng, width, height)
    pixels = base + field[..., None] * (second - base) + 0.35 * grain[..., None] * (third - base)
    mean = pixels.mean(axis=(0, 1))
    pixels = mean + style.background_contrast * (pixels - mean)
    picture = Image.fromarray(np.clip(pixels * 255, 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    for _ in range(rng.integers(style.distractors[0], style.distractors[1] + 1)):
        colour = mean + style.distractor_contrast * (_random_colour(rng) - mean)
        fill = _as_fill(colour)
        centre, radii = rng.uniform(0, 1, 2) * (width, height), rng.uniform(0.04, 0.2, 2) * max(width, height)
        kind = rng.integers(3)
        if kind == 0:
            draw.ellipse([*(centre - radii), *(centre + radii)], fill=fill)
        else:  # four corners of a tilted rectangle, or three to six of an irregular polygon
            corners = 4 if kind == 1 else int(rng.integers(3, 7))
            angle = rng.uniform(0, 2 * math.pi) + np.arange(corners) * 2 * math.pi / corners
            reach = radii if kind == 1 else radii * rng.uniform(0.5, 1.0, (corners, 1))
            draw.polygon(_as_xy(centre + reach * np.stack([np.cos(angle), np.sin(angle)], axis=1)), fill=fill)
    return picture.filter(ImageFilter.GaussianBlur(style.background_blur))


def _as_fill(colour: Points) -> tuple[int, int, int]:
    red, green, blue = (int(value) for value in np.clip(colour * 255, 0, 255))
    return red, green, blue


def _as_xy(points: Points) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in points]


def _place(
    rng: np.random.Generator, parts: Sequence[Part], class_scale: float, width: int, height: int, style: SceneStyle
) -> tuple[list[Points], float, bool]:
    """Scales, flips, tilts and moves an object into the image.

    Returns:
        Each part's corners in pixels, the object's upright height in pixels, and whether it faces left.
    """
    corners = np.concatenate([part.points for part in parts])
    low, high = corners.min(axis=0), corners.max(axis=0)
    box_width, box_height = high - low
    scale = rng.uniform(*style.object_scale) * class_scale * math.sqrt(width * height / (box_width * box_height))
    scale = float(np.clip(scale, *(bound * height / box_height for bound in style.object_height)))
    scale = min(scale, 0.95 * width / box_width)
    faces_left = rng.random() < 0.5
    tilt = math.radians(rng.uniform(-style.rotation, style.rotation))
    turn = np.array([[math.cos(tilt), math.sin(tilt)], [-math.sin(tilt), math.cos(tilt)]])
    to_pixels = scale * (np.diag([-1.0, 1.0]) if faces_left else np.eye(2)) @ turn
    middle = (low + high) / 2
    placed = [(part.points - middle) @ to_pixels for part in parts]

    reach = np.abs(np.concatenate(placed)).max(axis=0)
    size = np.array([width, height])
    margin = np.minimum(reach + 1, size / 2)
    centre = rng.uniform(margin, size - margin)
    if rng.random() < style.truncation_chance:
        axis, cut = int(rng.random() < 0.3), rng.uniform(0.15, 0.4)
        inside = reach[axis] * (1 - 2 * cut)
        centre[axis] = inside if rng.random() < 0.5 else size[axis] - inside
    return [points + centre for points in placed], scale * box_height, faces_left


def _draw_part(draw: ImageDraw.ImageDraw, points: Points, fill: _Ink, line: _Ink, line_width: int) -> None:
    corners = _as_xy(points * _SUPERSAMPLING)
    draw.polygon(corners, fill=fill)
    if line_width:
        draw.line([*corners, *corners[:2]], fill=line, width=line_width, joint="curve")


def _silhouette(placed: Sequence[Points], line_widths: Sequence[int], width: int, height: int) -> NDArray[np.bool_]:
    """Which pixels' centres an object covers where nothing is in front of it: bool [height, width]."""
    layer = Image.new("L", (width * _SUPERSAMPLING, height * _SUPERSAMPLING))
    draw = ImageDraw.Draw(layer)
    for points, line_width in zip(placed, line_widths, strict=True):
        _draw_part(draw, points, 1, 1, line_width)
    centre = _SUPERSAMPLING // 2
    samples: NDArray[np.uint8] = np.asarray(layer)[centre::_SUPERSAMPLING, centre::_SUPERSAMPLING]
    return samples > 0


def draw_scene(rng: np.random.Generator, names: Sequence[str], style: SceneStyle = DEFAULT_STYLE) -> Scene:
    """Draws one scene.

    Args:
        rng: Decides everything about the scene but the classes.
        names: Class of each object, back to front. One that finds no free place is left out; the first always does.
        style: How hard the scene is.
    """
    long_side = int(rng.integers(style.long_side[0], style.long_side[1] + 1))
    short_side = round(long_side * style.aspect_ratios[rng.integers(len(style.aspect_ratios))])
    width, height = (long_side, short_side) if rng.random() < 0.5 else (short_side, long_side)
    background = _background(rng, width, height, style)
    surroundings = np.asarray(background).mean(axis=(0, 1)) / 255
    canvas = background.resize((width * _SUPERSAMPLING, height * _SUPERSAMPLING), Image.Resampling.NEAREST)
    draw = ImageDraw.Draw(canvas)

    instances = np.zeros((height, width), np.uint8)
    shading = np.zeros((height, width))
    rows = np.arange(height)[:, None]
    poses: list[tuple[str, str, bool]] = []
    areas: list[int] = []
    for name in names:
        parts = SHAPES[name](rng)
        for _ in range(_PLACEMENT_ATTEMPTS):
            placed, object_height, faces_left = _place(rng, parts, _CLASS_SCALE[name], width, height, style)
            line_width = max(_SUPERSAMPLING, round(style.outline_width * object_height * _SUPERSAMPLING))
            line_widths = [line_width if part.outlined else 0 for part in parts]
            silhouette = _silhouette(placed, line_widths, width, height)
            visible = np.bincount(instances[~silhouette], minlength=len(areas) + 1)[1:]
            if all(left >= max(1, style.least_visible * area) for left, area in zip(visible, areas, strict=True)):
                break
        else:
            continue

        body = _colour_apart(rng, surroundings, style.object_contrast)
        paints = [body if paint == BODY else _colour_apart(rng, body, style.object_contrast) for paint in range(PAINTS)]
        for part, points, line_width in zip(parts, placed, line_widths, strict=True):
            colour = paints[part.paint]
            _draw_part(draw, points, _as_fill(colour), _as_fill(colour * (1 - style.outline_strength)), line_width)
        corners = np.concatenate(placed)
        (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
        light = style.object_shading * np.clip(1 - 2 * (rows - top) / (bottom - top), -1, 1)
        shading = np.where(silhouette, light, shading)
        areas.append(int(silhouette.sum()))
        instances[silhouette] = len(areas)
        pose = "Frontal" if name not in _SEEN_FROM_THE_SIDE else "Left" if faces_left else "Right"
        poses.append((name, pose, bool(left < 0 or top < 0 or right > width or bottom > height)))

    shading += style.object_texture * _value_noise(rng, width, height, cells=12)
    noise = rng.normal(0, style.sensor_noise, (height, width, 3))
    pixels = np.asarray(canvas.reduce(_SUPERSAMPLING)) * (1 + shading * (instances > 0))[..., None] + noise
    objects = []
    for number, ((name, pose, truncated), area) in enumerate(zip(poses, areas, strict=True), start=1):
        seen = instances == number
        objects.append(DrawnObject(name, pose, truncated, bool(seen.sum() < 0.95 * area), _bounding_box(seen)))
    return Scene(np.clip(pixels, 0, 255).astype(np.uint8), instances, tuple(objects))


def _bounding_box(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """VOC's box round the pixels that are set: left, top, right, bottom, 1-based and inclusive."""
    columns, rows = np.flatnonzero(mask.any(axis=0)) + 1, np.flatnonzero(mask.any(axis=1)) + 1
    return int(columns[0]), int(rows[0]), int(columns[-1]), int(rows[-1])
