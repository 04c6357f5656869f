"""Drawn scenes with known classes, as the sources of imports: rectangles of two classes on a background."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

HEIGHT, WIDTH = 40, 48
PHOTO_COLORS = np.array([[90, 60, 30], [30, 160, 60], [200, 40, 60]], np.uint8)
"""How background, the first and the second class look in photos; no label set uses these colours."""


class Rectangle(NamedTuple):
    """A rectangle of one class; `bottom` and `right` are excluded."""

    class_id: int
    left: int
    top: int
    right: int
    bottom: int


class Scene(NamedTuple):
    """A photo and what it shows.

    Attributes:
        photo: uint8 [HEIGHT, WIDTH, 3].
        classes: uint8 [HEIGHT, WIDTH]: 0, 1 and 2.
        rectangles: those of classes 1 and 2; they do not overlap.
    """

    photo: NDArray[np.uint8]
    classes: NDArray[np.uint8]
    rectangles: tuple[Rectangle, ...]


def draw_scenes(count: int, class_ids: tuple[int, ...] = (1, 2)) -> list[Scene]:
    """Draws scenes with a rectangle in each quarter; every scene shows all classes."""
    rng = np.random.default_rng(0)
    scenes = []
    for _ in range(count):
        classes = np.zeros((HEIGHT, WIDTH), np.uint8)
        rectangles = []
        quarters = [(0, 0), (0, HEIGHT // 2), (WIDTH // 2, 0), (WIDTH // 2, HEIGHT // 2)]
        for position, (x, y) in enumerate(quarters):
            left, top = x + int(rng.integers(1, 8)), y + int(rng.integers(1, 6))
            class_id = class_ids[position % len(class_ids)]
            rectangles.append(Rectangle(class_id, left, top, left + 15, top + 13))
            classes[top : top + 13, left : left + 15] = class_id
        photo = np.clip(PHOTO_COLORS[classes] + rng.normal(0, 4, (HEIGHT, WIDTH, 3)), 0, 255).astype(np.uint8)
        scenes.append(Scene(photo, classes, tuple(rectangles)))
    return scenes


def constant_mean_iou(scenes: list[Scene]) -> float:
    """The best mean IoU of a model that predicts the same class everywhere."""
    pixels = np.bincount(np.concatenate([scene.classes.ravel() for scene in scenes]))
    present = pixels[pixels > 0]
    return float(present.max() / present.sum() / len(present))
