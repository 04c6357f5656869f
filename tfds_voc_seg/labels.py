"""The 21 classes of PASCAL VOC, the colours of its masks, and the void label.

Source: Everingham et al., "The PASCAL Visual Object Classes Challenge 2012 (VOC2012) Development Kit", sections 3 and
8.2; the palette is the devkit's `VOClabelcolormap.m`.
"""

from __future__ import annotations

BACKGROUND = "background"

VOC_CLASSES: tuple[str, ...] = (
    BACKGROUND,
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
)

VOID = 255
"""Mask value of pixels without a class: object borders, and objects that were too hard to label."""


def voc_palette() -> list[int]:
    """Returns VOC's colour map in the format of PIL's `Image.putpalette`.

    The bits of a class id are distributed over the high bits of red, green and blue, so that consecutive ids have
    different colours.

    Returns:
        768 values from 0 to 255: red, green and blue of palette entry 0, then of entry 1, and so on to entry 255.
    """
    palette = []
    for index in range(256):
        red = green = blue = 0
        remaining = index
        for bit in range(7, -1, -1):
            red |= (remaining & 1) << bit
            green |= (remaining >> 1 & 1) << bit
            blue |= (remaining >> 2 & 1) << bit
            remaining >>= 3
        palette += [red, green, blue]
    return palette
