"""What decoding and segmenting an image may cost, read from its header."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tfds_voc_seg.image_limits.header import ImageRefusedError
from tfds_voc_seg.image_limits.limits import check_predicted_image, decoding_bytes

if TYPE_CHECKING:
    from tfds_voc_seg.geometry import Geometry

_COPIES_OF_FILE = 3
_NETWORK_BYTES = 16 << 20
_RESIZED_BYTES = 12  # per pixel between the two steps of resizing, which has the photo's width: three 32-bit floats
_SEGMENTED_BYTES = 5  # per pixel: the photo, the class map, and what is computed of it
_BLENDED_BYTES = 20  # per class and pixel of the resized photo: probabilities of windows, weighted, added, logarithms
_SCORES_BYTES = 1 << 28  # of the photo's size, see `components.saved_model.upsampling`


def image_cost(content: bytes, geometry: Geometry, classes: int) -> int:
    """Estimates the memory for decoding and segmenting an image, bytes; a file that is refused costs little.

    Args:
        content: the file's bytes.
        geometry: how photos are resized for the network.
        classes: the number of the network's classes.
    """
    least = _NETWORK_BYTES + _COPIES_OF_FILE * len(content)
    try:
        header = check_predicted_image(content)
    except ImageRefusedError:  # the decoder refuses it, too, and says why
        return least
    width, height = header.frame or (header.width, header.height)
    scores = min(4 * classes * width * height, _SCORES_BYTES)
    segmenting = (
        _SEGMENTED_BYTES * width * height + _RESIZED_BYTES * max(width, height) * geometry.resizing_side + scores
    )
    if geometry.resize == "crop":
        segmenting += (
            _BLENDED_BYTES * classes * math.prod(geometry.padded(geometry.resized(max(1, height), max(1, width))))
        )
    return least + max(decoding_bytes(header), segmenting)
