"""The usual notebook's way through a video, to compare with: one frame after the other, pixel by pixel.

Written anew after the description of the reference article's: OpenCV reads a frame and resizes it to the network's
input, Keras' `predict` segments that one frame, PIL's getdata and putdata make the background transparent, and OpenCV
writes the result.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image


def predict_video(
    network: Any,
    image_size: int,
    palette: Sequence[tuple[int, int, int]],
    source: Path,
    destination: Path,
    *,
    compose_small: bool = False,
) -> int:
    """Lays a network's class maps over a video.

    Args:
        network: a Keras model, float32 [1, size, size, 3] → scores [1, size, size, classes].
        image_size: the network's input, pixels.
        palette: a colour for each class.
        source: the video.
        destination: an mp4 (MPEG-4 part 2, OpenCV's usual).
        compose_small: put the pictures together at the network's size, and enlarge the result, which is blurred then.

    Returns:
        How many frames there were.
    """
    warnings.simplefilter("ignore", DeprecationWarning)  # getdata
    capture = cv2.VideoCapture(str(source))
    size = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
    writer = cv2.VideoWriter(str(destination), cv2.VideoWriter.fourcc(*"mp4v"), capture.get(cv2.CAP_PROP_FPS), size)
    frames = 0
    while True:
        there, frame = capture.read()
        if not there:
            break
        small = cv2.resize(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), (image_size, image_size))
        scores = network.predict(small[np.newaxis].astype(np.float32), verbose=0)
        classes = Image.fromarray(np.argmax(scores[0], axis=-1).astype(np.uint8))
        classes.putpalette([value for colour in palette for value in colour])
        photo = Image.fromarray(small) if compose_small else Image.fromarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
        coloured = classes.convert("RGBA").resize(photo.size, Image.Resampling.NEAREST)
        pixels = []
        for red, green, blue, _ in coloured.getdata():
            pixels.append((0, 0, 0, 0) if (red, green, blue) == (0, 0, 0) else (red, green, blue, 128))
        coloured.putdata(pixels)
        composed = Image.alpha_composite(photo.convert("RGBA"), coloured).convert("RGB").resize(size)
        writer.write(cv2.cvtColor(np.asarray(composed), cv2.COLOR_RGB2BGR))
        frames += 1
    capture.release()
    writer.release()
    return frames
