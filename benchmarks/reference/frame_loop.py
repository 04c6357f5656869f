"""A usual notebook's loop over a video, for comparison: one frame at a time, pixel by pixel.

Reimplemented from the description in the reference article: OpenCV reads a frame and resizes it to the network's input,
Keras' `predict` segments that one frame, PIL's getdata and putdata make the background transparent, and OpenCV writes
the result.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def load_network(folder: Path, image_size: tuple[int, int]) -> Any:
    """Wraps a SavedModel as a Keras model, as in the notebook: float32 [batch, height, width, 3] → scores."""
    import keras

    images = keras.Input((*image_size, 3))
    scores = keras.layers.TFSMLayer(str(folder), call_endpoint="score_images")(keras.ops.cast(images, "uint8"))
    return keras.Model(images, scores["scores"])


def predict_video(
    network: Any,
    image_size: tuple[int, int],
    palette: Sequence[tuple[int, int, int]],
    source: Path,
    destination: Path,
    *,
    compose_small: bool = False,
) -> int:
    """Writes a video with the network's class maps laid over its frames.

    Args:
        network: a Keras model, float32 [1, height, width, 3] → scores [1, height, width, classes].
        image_size: height and width of the network's input, pixels.
        palette: the colour of each class.
        source: the video.
        destination: the mp4 to write (MPEG-4 part 2, OpenCV's usual codec).
        compose_small: blend frame and classes at the network's size and enlarge the result, which blurs it.

    Returns:
        The number of frames.
    """
    warnings.simplefilter("ignore", DeprecationWarning)  # getdata
    capture = cv2.VideoCapture(str(source))
    size = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
    writer = cv2.VideoWriter(str(destination), cv2.VideoWriter.fourcc(*"mp4v"), capture.get(cv2.CAP_PROP_FPS), size)
    frames = 0
    while True:
        success, frame = capture.read()
        if not success:
            break
        small = cv2.resize(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), image_size[::-1])
        scores = network.predict(small[np.newaxis].astype(np.float32), verbose=0)
        classes = Image.fromarray(np.argmax(scores[0], axis=-1).astype(np.uint8))
        classes.putpalette([value for colour in palette for value in colour])
        photo = Image.fromarray(small) if compose_small else Image.fromarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
        coloured = classes.convert("RGBA").resize(photo.size, Image.Resampling.NEAREST)
        data: Any = coloured.getdata()  # Pillow types it as an opaque object
        pixels = []
        for red, green, blue, _ in data:
            if (red, green, blue) == (0, 0, 0):
                pixels.append((0, 0, 0, 0))
            else:
                pixels.append((red, green, blue, 128))
        coloured.putdata(pixels)
        composed = Image.alpha_composite(photo.convert("RGBA"), coloured).convert("RGB").resize(size)
        writer.write(cv2.cvtColor(np.asarray(composed), cv2.COLOR_RGB2BGR))
        frames += 1
    capture.release()
    writer.release()
    return frames
