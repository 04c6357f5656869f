"""The size of the network's images, as users set it: one number for a square, or height and width."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tfds_voc_seg.setting_checks import require_whole_number

if TYPE_CHECKING:
    from collections.abc import Mapping

ImageSize = int | tuple[int, int]
"""The side of a square, or height and width, in pixels. A pair of equal sides is always stored as one number."""


def checked_image_size(value: Any) -> ImageSize:
    """Checks a size and returns it in the form that is stored; JSON's lists are allowed.

    Raises:
        ValueError: it is neither a whole number above 0 nor a pair of them.
    """
    if not isinstance(value, list | tuple):
        require_whole_number("image_size", value, 1)
        side: int = value
        return side
    if len(value) != 2:
        raise ValueError(f"image_size={value!r} is invalid; give one number, or [height, width]")
    height, width = value
    for side in value:
        require_whole_number("image_size", side, 1)
    return int(height) if height == width else (height, width)


def sides_of(image_size: ImageSize) -> tuple[int, int]:
    """Returns height and width."""
    return (image_size, image_size) if isinstance(image_size, int) else image_size


def size_name(image_size: ImageSize) -> str:
    """Returns a size for a file name, `300` or `200x320`."""
    return str(image_size) if isinstance(image_size, int) else "x".join(map(str, image_size))


def images_text(evaluation: Mapping[str, Any]) -> str:
    """Returns the size of the images of an evaluation as text, from `image_size`, `resize` and `short_side`."""
    if evaluation.get("resize") == "crop":
        return f"a short side of {evaluation['short_side']} pixels"
    return f"{size_text(evaluation['image_size'])} pixels"


def size_text(image_size: Any) -> str:
    """Returns a size as text, `300 × 300`: height, then width, as in the setting; JSON's lists are allowed."""
    height, width = sides_of(checked_image_size(image_size))
    return f"{height} × {width}"
