"""The shapes of the five classes that the embedded sample draws, as polygons.

Each function takes a random generator and returns the parts of one object, from back to front, with random
proportions. A part has the index of a paint in the object's palette instead of a colour, so that colours carry no
information about the class. Coordinates are float64 [points, 2], x to the right and y down. An object is upright, about
one unit high, and faces right if it has a front.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Callable

Points = NDArray[np.float64]

PAINTS = 4
"""The number of colours of an object: one each for its body, trim, details and extremities."""

BODY, TRIM, DETAIL, EXTREMITY = range(PAINTS)


@dataclass(frozen=True)
class Part:
    """One filled polygon of an object.

    Attributes:
        points: corners, float64 [points, 2] in object units.
        paint: index of the colour that fills it, 0 to `PAINTS` - 1.
        outlined: whether it has a darker outline; small details have none, because the outline would cover them.
    """

    points: Points
    paint: int
    outlined: bool = True


def _polygon(*corners: tuple[float, float]) -> Points:
    return np.array(corners, dtype=np.float64)


def _ellipse(x: float, y: float, radius_x: float, radius_y: float, corners: int = 28) -> Points:
    angle = np.arange(corners) * (2 * math.pi / corners)
    return np.stack([x + radius_x * np.cos(angle), y + radius_y * np.sin(angle)], axis=1)


def _rounded_box(left: float, top: float, right: float, bottom: float, radius: float) -> Points:
    """Returns a rectangle whose corners are quarter circles of this radius."""
    quarter = np.linspace(0, math.pi / 2, 5)
    inner_left, inner_top, inner_right, inner_bottom = left + radius, top + radius, right - radius, bottom - radius
    centres = [
        (inner_right, inner_bottom),
        (inner_left, inner_bottom),
        (inner_left, inner_top),
        (inner_right, inner_top),
    ]
    arcs = []
    for turn, (x, y) in enumerate(centres):
        angle = quarter + turn * math.pi / 2
        arcs.append(np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], axis=1))
    return np.concatenate(arcs)


def _limb(start: tuple[float, float], end: tuple[float, float], start_width: float, end_width: float) -> Points:
    """Returns a line from `start` to `end` with round ends, whose width changes from `start_width` to `end_width`."""
    heading = math.atan2(end[1] - start[1], end[0] - start[0])
    half_turn = np.linspace(-math.pi / 2, math.pi / 2, 8)
    caps = []
    for (x, y), width, turn in ((end, end_width, 0.0), (start, start_width, math.pi)):
        angle = heading + turn + half_turn
        caps.append(np.stack([x + width / 2 * np.cos(angle), y + width / 2 * np.sin(angle)], axis=1))
    return np.concatenate(caps)


def aeroplane(rng: np.random.Generator) -> list[Part]:
    """An airliner from the side: fuselage, both wings, tail fin and tailplane, cockpit, a row of windows, an engine."""
    half = rng.uniform(0.95, 1.15)
    thick = rng.uniform(0.17, 0.22)
    sweep = rng.uniform(0.35, 0.6)
    span = rng.uniform(0.46, 0.6)
    chord = rng.uniform(0.42, 0.54)
    fin = rng.uniform(0.42, 0.52)
    angle = np.linspace(0, 2 * math.pi, 40, endpoint=False)
    # A superellipse with a blunt nose; its rear half becomes narrower towards the tail.
    along = np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** 0.8
    narrowing = np.where(along < -0.2, 1 + 0.6 * (along + 0.2), 1.0)
    fuselage = np.stack([half * along, thick * np.sin(angle) * narrowing], axis=1)
    root = rng.uniform(0.1, 0.3)
    far_wing = _polygon(
        (root, -thick * 0.7),
        (root - sweep, -thick - span * 0.6),
        (root - sweep - chord * 0.45, -thick - span * 0.6),
        (root - chord, -thick * 0.7),
    )
    near_wing = _polygon(
        (root, thick * 0.25),
        (root - sweep, thick + span),
        (root - sweep - chord * 0.5, thick + span),
        (root - chord, thick * 0.25),
    )
    tail_fin = _polygon(
        (-half * 0.58, -thick * 0.55), (-half * 0.9, -thick - fin), (-half * 1.12, -thick - fin), (-half * 0.97, 0.0)
    )
    tailplane = _polygon(
        (-half * 0.66, 0.02), (-half * 0.98, thick * 1.1), (-half * 1.16, thick * 1.1), (-half * 0.96, 0.0)
    )
    parts = [Part(far_wing, TRIM), Part(tail_fin, TRIM), Part(fuselage, BODY)]
    parts.append(Part(_polygon((half * 0.66, -thick * 0.62), (half * 0.92, -0.03), (half * 0.66, -0.03)), DETAIL))
    windows = int(rng.integers(6, 10))
    parts += [
        Part(_ellipse(float(x), -thick * 0.3, 0.032, 0.042, 10), DETAIL, outlined=False)
        for x in np.linspace(-half * 0.5, half * 0.5, windows)
    ]
    parts += [Part(tailplane, EXTREMITY), Part(near_wing, EXTREMITY)]
    engine = root - sweep * 0.45
    parts.append(Part(_rounded_box(engine - 0.17, thick * 1.3, engine + 0.17, thick * 1.3 + 0.17, 0.08), TRIM))
    return parts


def bottle(rng: np.random.Generator) -> list[Part]:
    """A bottle: cap, narrow neck, sloping shoulders, body with a printed label, and the light's reflection."""
    radius = rng.uniform(0.17, 0.22)
    neck = radius * rng.uniform(0.32, 0.45)
    shoulder_top = rng.uniform(0.2, 0.28)
    shoulder_bottom = shoulder_top + rng.uniform(0.1, 0.18)
    slope = np.linspace(0, math.pi, 9)
    shoulder_y = shoulder_top + (shoulder_bottom - shoulder_top) * slope / math.pi
    shoulder_x = neck + (radius - neck) * (1 - np.cos(slope)) / 2
    bottom = np.array([[radius, 0.95], [radius * 0.93, 0.985], [radius * 0.8, 1.0]])
    right = np.concatenate([[[neck, 0.04]], np.stack([shoulder_x, shoulder_y], axis=1), bottom])
    glass = np.concatenate([right, (right * [-1, 1])[::-1]])
    parts = [Part(glass, BODY)]
    cap = neck * rng.uniform(1.15, 1.4)
    parts.append(Part(_rounded_box(-cap, -0.02, cap, rng.uniform(0.06, 0.1), 0.015), EXTREMITY))
    top = shoulder_bottom + rng.uniform(0.06, 0.12)
    label_bottom = rng.uniform(0.78, 0.88)
    shine = radius * 0.62
    parts.append(Part(_limb((-shine, shoulder_bottom + 0.02), (-shine, 0.94), 0.035, 0.035), DETAIL, outlined=False))
    parts.append(Part(_polygon((-radius, top), (radius, top), (radius, label_bottom), (-radius, label_bottom)), TRIM))
    middle = (top + label_bottom) / 2
    if rng.random() < 0.5:
        parts.append(Part(_ellipse(0, middle, radius * 0.55, (label_bottom - top) * 0.3), DETAIL))
    else:
        parts += [
            Part(_rounded_box(-radius * 0.7, y, radius * 0.7, y + 0.045, 0.01), DETAIL, outlined=False)
            for y in (middle - 0.07, middle + 0.05)
        ]
    return parts


def car(rng: np.random.Generator) -> list[Part]:
    """A car from the side: body, cabin with two windows, door, lamps, two wheels with hubs."""
    half = rng.uniform(0.95, 1.15)
    waist = rng.uniform(0.36, 0.44)
    sill = 0.82
    wheel = rng.uniform(0.19, 0.24)
    rear = -half * rng.uniform(0.55, 0.8)
    front = half * rng.uniform(0.35, 0.5)
    lean_rear, lean_front = rng.uniform(0.08, 0.25), rng.uniform(0.2, 0.32)
    cabin = _polygon((rear, waist + 0.03), (rear + lean_rear, 0.0), (front - lean_front, 0.0), (front, waist + 0.03))
    parts = [Part(cabin, BODY)]
    pillar = (rear + front) / 2 - 0.03
    windows = (
        _polygon((rear + 0.1, waist), (rear + lean_rear + 0.06, 0.07), (pillar, 0.07), (pillar, waist)),
        _polygon(
            (pillar + 0.07, waist), (pillar + 0.07, 0.07), (front - lean_front - 0.04, 0.07), (front - 0.11, waist)
        ),
    )
    nose = waist + rng.uniform(0.06, 0.14)
    body = _polygon(
        (-half, waist + 0.08), (-half * 0.96, waist), (front, waist), (half * 0.9, nose), (half, nose + 0.08)
    )
    body = np.concatenate(
        [body, _polygon((half, sill - 0.04), (half * 0.97, sill), (-half * 0.97, sill), (-half, 0.7))]
    )
    parts += [Part(body, BODY), *(Part(window, DETAIL) for window in windows)]
    parts.append(Part(_rounded_box(-half, 0.7, half, sill, 0.05), TRIM))
    parts.append(Part(_rounded_box(pillar + 0.12, waist + 0.08, pillar + 0.24, waist + 0.12, 0.015), TRIM))
    parts.append(Part(_ellipse(half * 0.92, nose + 0.13, 0.07, 0.06, 16), DETAIL))
    parts.append(Part(_rounded_box(-half, waist + 0.1, -half * 0.9, waist + 0.24, 0.03), DETAIL))
    for x in (-half * 0.6, half * 0.6):
        parts.append(Part(_ellipse(x, sill, wheel, wheel), EXTREMITY))
        parts.append(Part(_ellipse(x, sill, wheel * 0.5, wheel * 0.5, 18), TRIM))
    return parts


def person(rng: np.random.Generator) -> list[Part]:
    """A standing or walking person: head with hair and eyes, torso, two arms with hands, two legs with shoes."""
    head = rng.uniform(0.095, 0.12)
    shoulder = rng.uniform(0.15, 0.19)
    hip_width = shoulder * rng.uniform(0.7, 0.95)
    neck_y = 2 * head + 0.01
    hip_y = neck_y + rng.uniform(0.31, 0.37)
    stride = rng.uniform(0.05, 0.2)
    limb = rng.uniform(0.095, 0.12)
    parts = []
    for side in (-1, 1):
        hip = (side * hip_width * 0.5, hip_y)
        foot = (side * (hip_width * 0.5 + stride), 0.95)
        parts.append(Part(_limb(hip, foot, limb * 1.35, limb), DETAIL))
        parts.append(Part(_ellipse(foot[0] + side * 0.03, 0.965, 0.085, 0.045, 16), EXTREMITY))
    parts.append(Part(_rounded_box(-0.05, neck_y - 0.06, 0.05, neck_y + 0.05, 0.02), EXTREMITY))
    for side in (-1, 1):
        # The angle of the upper arm is random, from hanging to raised; `bend` is the angle of the elbow.
        upper, bend = rng.uniform(-0.2, 1.3), rng.uniform(-0.3, 0.9)
        start = (side * (shoulder - 0.02), neck_y + 0.06)
        elbow = (start[0] + side * 0.17 * math.sin(upper + 0.2), start[1] + 0.17 * math.cos(upper + 0.2))
        lower = upper + bend
        hand = (elbow[0] + side * 0.16 * math.sin(lower), elbow[1] + 0.16 * math.cos(lower))
        parts.append(Part(_ellipse(hand[0], hand[1], 0.052, 0.052, 14), EXTREMITY))
        parts.append(Part(_limb(elbow, hand, limb * 0.85, limb * 0.7), BODY))
        parts.append(Part(_limb(start, elbow, limb, limb * 0.85), BODY))
    torso = _polygon(
        (-shoulder * 0.5, neck_y), (shoulder * 0.5, neck_y), (shoulder, neck_y + 0.05), (hip_width, hip_y + 0.05)
    )
    torso = np.concatenate([torso, _polygon((-hip_width, hip_y + 0.05), (-shoulder, neck_y + 0.05))])
    parts += [Part(torso, BODY), Part(_rounded_box(-hip_width, hip_y, hip_width, hip_y + 0.06, 0.01), TRIM)]
    parts.append(Part(_ellipse(0, head, head * 0.88, head), EXTREMITY))
    brow = np.linspace(math.pi * 1.02, math.pi * 1.98, 14)
    fringe = rng.uniform(0.3, 0.6)
    crown = np.stack([head * 0.95 * np.cos(brow), head * 0.95 + head * np.sin(brow)], axis=1)
    parts.append(Part(np.concatenate([crown, _polygon((0.0, head * (1 - fringe)))]), TRIM))
    for side in (-1, 1):
        parts.append(Part(_ellipse(side * head * 0.35, head * 1.1, 0.014, 0.02, 8), DETAIL, outlined=False))
    return parts


def tvmonitor(rng: np.random.Generator) -> list[Part]:
    """A monitor from the front: stand, frame, and a screen that shows the windows of a program or a landscape."""
    half = rng.uniform(0.56, 0.74)
    bottom = rng.uniform(0.72, 0.8)
    frame = rng.uniform(0.05, 0.08)
    base = half * rng.uniform(0.45, 0.65)
    stem = rng.uniform(0.06, 0.12)
    parts = [
        Part(_polygon((-stem, bottom - 0.02), (stem, bottom - 0.02), (stem * 1.3, 0.94), (-stem * 1.3, 0.94)), TRIM)
    ]
    parts.append(Part(_rounded_box(-base, 0.92, base, 1.0, 0.035), BODY))
    parts.append(Part(_rounded_box(-half, 0.0, half, bottom, 0.05), BODY))
    left, top, right, low = -half + frame, frame, half - frame, bottom - frame - 0.03
    parts.append(Part(_polygon((left, top), (right, top), (right, low), (left, low)), DETAIL))
    width, height = right - left, low - top
    if rng.random() < 0.5:
        split = left + width * rng.uniform(0.35, 0.65)
        parts.append(Part(_polygon((left, top), (right, top), (right, top + 0.08), (left, top + 0.08)), EXTREMITY))
        parts.append(
            Part(
                _polygon(
                    (split, top + 0.14), (right - 0.05, top + 0.14), (right - 0.05, low - 0.06), (split, low - 0.06)
                ),
                TRIM,
            )
        )
        for y in np.linspace(top + 0.16, low - 0.1, 4):
            stop = left + 0.06 + (split - left - 0.12) * rng.uniform(0.5, 1.0)
            line = _polygon((left + 0.05, y), (stop, y), (stop, y + 0.035), (left + 0.05, y + 0.035))
            parts.append(Part(line, EXTREMITY, outlined=False))
    else:
        x = np.linspace(0, 1, 12)
        hills = low - height * (0.35 + 0.2 * np.sin(x * rng.uniform(4, 9) + rng.uniform(0, 6)))
        land = np.concatenate([np.stack([left + width * x, hills], axis=1), _polygon((right, low), (left, low))])
        parts.append(Part(_ellipse(left + width * rng.uniform(0.2, 0.8), top + height * 0.25, 0.07, 0.07), EXTREMITY))
        parts.append(Part(land, TRIM))
    parts.append(Part(_ellipse(half * 0.8, bottom - 0.04, 0.016, 0.016, 8), EXTREMITY, outlined=False))
    return parts


SHAPES: dict[str, Callable[[np.random.Generator], list[Part]]] = {
    "aeroplane": aeroplane,
    "bottle": bottle,
    "car": car,
    "person": person,
    "tvmonitor": tvmonitor,
}
"""VOC's class name → the function that draws one object of the class."""
