"""The 21 classes of PASCAL VOC, the colours its masks are painted in, and the void label.

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
"""The mask value of pixels that belong to no class: object borders and objects too hard to label."""


def voc_palette() -> list[int]:
    """VOC's colour map, as PIL's `Image.putpalette` takes it.

    Each class id's bits are spread over the high bits of red, green and blue, so that the colours of near ids differ.

    Returns:
        768 values in 0..255: red, green and blue of the 256 palette entries in turn.
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
