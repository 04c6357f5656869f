"""Turns arrays by the EXIF orientation of a photo. Source: CIPA DC-008-2019, 4.6.5, tag 0x0112. No TensorFlow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

EXCHANGED, MIRRORED, UPSIDE_DOWN = (5, 6, 7, 8), (2, 3, 6, 7), (3, 4, 7, 8)
"""Orientations whose rows and columns are exchanged; then left and right, then top and bottom."""


def upright(photo: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turns and mirrors an image [height, width, channels]; returns a view.

    Args:
        photo: the image as it is stored.
        orientation: 1 (upright) to 8.
    """
    if orientation in EXCHANGED:
        photo = photo.swapaxes(0, 1)
    if orientation in MIRRORED:
        photo = photo[:, ::-1]
    return photo[::-1] if orientation in UPSIDE_DOWN else photo
