"""Draws scenes: objects of five of VOC's classes in front of textured backgrounds, with their masks and boxes.

The colours of objects and backgrounds come from the same distribution, so that only shape and structure distinguish
the classes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from tfds_voc_seg.sample.backgrounds import as_fill, as_xy, draw_background, random_colour, value_noise
from tfds_voc_seg.sample.shapes import BODY, PAINTS, SHAPES, Part, Points
from tfds_voc_seg.sample.style import DEFAULT_STYLE, SceneStyle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

SAMPLE_CLASSES: tuple[str, ...] = tuple(SHAPES)
"""The foreground classes of the sample, in VOC's order."""

_SUPERSAMPLING = 3  # odd: one sample lies at the centre of each pixel, and it alone decides the mask
_Colour = int | tuple[int, int, int]
_PLACEMENT_ATTEMPTS = 12


_CLASS_SCALE = {"aeroplane": 1.25, "bottle": 0.86, "car": 0.95, "person": 1.2, "tvmonitor": 0.9}
"""Factors of the object sizes: they balance the pixel counts, because the classes fill their boxes differently."""

_SIDE_VIEW_CLASSES = ("aeroplane", "car")


@dataclass(frozen=True)
class DrawnObject:
    """An object as VOC's annotations describe it.

    Attributes:
        name: the object's class.
        pose: `Frontal`, `Left` or `Right`.
        truncated: whether the image border cuts the object.
        occluded: whether another object covers more than a twentieth of it.
        box: left, top, right and bottom in pixels, 1-based and inclusive.
    """

    name: str
    pose: str
    truncated: bool
    occluded: bool
    box: tuple[int, int, int, int]


@dataclass(frozen=True)
class Scene:
    """A drawn image and its ground truth.

    Attributes:
        image: uint8 [height, width, 3].
        instances: uint8 [height, width], 0 for background and n for `objects[n - 1]`, without a void border.
        objects: the objects, from back to front.
    """

    image: NDArray[np.uint8]
    instances: NDArray[np.uint8]
    objects: tuple[DrawnObject, ...]


def _colour_apart(rng: np.random.Generator, other: Points, distance: float) -> Points:
    """Draws up to eight random colours until one has at least this RGB distance from another colour."""
    for _ in range(8):
        colour = random_colour(rng)
        if np.linalg.norm(colour - other) >= distance:
            break
    return colour


def _place(
    rng: np.random.Generator, parts: Sequence[Part], class_scale: float, width: int, height: int, style: SceneStyle
) -> tuple[list[Points], float, bool]:
    """Scales, flips and rotates an object and moves it to a random position in the image.

    Returns:
        The corners of each part in pixels, the height of the upright object in pixels, and whether it faces left.
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


def _draw_part(draw: ImageDraw.ImageDraw, points: Points, fill: _Colour, line: _Colour, line_width: int) -> None:
    corners = as_xy(points * _SUPERSAMPLING)
    draw.polygon(corners, fill=fill)
    if line_width:
        draw.line([*corners, *corners[:2]], fill=line, width=line_width, joint="curve")


def _silhouette(placed: Sequence[Points], line_widths: Sequence[int], width: int, height: int) -> NDArray[np.bool_]:
    """Returns the pixels whose centres the whole object covers: bool [height, width]."""
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
        rng: source of everything random in the scene.
        names: class of each object, from back to front. An object for which no free position is found is left out; the
            first object always has one.
        style: how difficult the scene is.
    """
    long_side = int(rng.integers(style.long_side[0], style.long_side[1] + 1))
    short_side = round(long_side * style.aspect_ratios[rng.integers(len(style.aspect_ratios))])
    width, height = (long_side, short_side) if rng.random() < 0.5 else (short_side, long_side)
    background = draw_background(rng, width, height, style)
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
            _draw_part(draw, points, as_fill(colour), as_fill(colour * (1 - style.outline_strength)), line_width)
        corners = np.concatenate(placed)
        (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
        light = style.object_shading * np.clip(1 - 2 * (rows - top) / (bottom - top), -1, 1)
        shading = np.where(silhouette, light, shading)
        areas.append(int(silhouette.sum()))
        instances[silhouette] = len(areas)
        pose = "Frontal" if name not in _SIDE_VIEW_CLASSES else "Left" if faces_left else "Right"
        poses.append((name, pose, bool(left < 0 or top < 0 or right > width or bottom > height)))

    shading += style.object_texture * value_noise(rng, width, height, cells=12)
    noise = rng.normal(0, style.sensor_noise, (height, width, 3))
    pixels = np.asarray(canvas.reduce(_SUPERSAMPLING)) * (1 + shading * (instances > 0))[..., None] + noise
    objects = []
    for number, ((name, pose, truncated), area) in enumerate(zip(poses, areas, strict=True), start=1):
        seen = instances == number
        objects.append(DrawnObject(name, pose, truncated, bool(seen.sum() < 0.95 * area), _bounding_box(seen)))
    return Scene(np.clip(pixels, 0, 255).astype(np.uint8), instances, tuple(objects))


def _bounding_box(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Returns the bounding box of the pixels that are set: left, top, right, bottom, 1-based and inclusive."""
    columns, rows = np.flatnonzero(mask.any(axis=0)) + 1, np.flatnonzero(mask.any(axis=1)) + 1
    return int(columns[0]), int(rows[0]), int(columns[-1]), int(rows[-1])
