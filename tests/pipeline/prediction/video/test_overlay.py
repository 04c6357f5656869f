"""Frames are painted like photos, and the legend has a constant size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pipeline.prediction.painting import Painter
from pipeline.prediction.video.options import VideoOptions
from pipeline.prediction.video.overlay import FixedLegend
from pipeline.prediction.video.predict_video import predict_video
from tests.pipeline.prediction.video.clips import HEIGHT, WIDTH, RedSegmenter, Video, frame_pixels
from tfds_voc_seg.label_set import label_set_of_names

if TYPE_CHECKING:
    from pathlib import Path


def test_frames_are_painted_like_photos(clips: dict[str, Path], tmp_path: Path) -> None:
    predict_video(RedSegmenter(), clips[".mp4"], tmp_path / "out.mp4", VideoOptions(alpha=0.7, contours=True))
    written = Video(tmp_path / "out.mp4").frames
    legend = FixedLegend(RedSegmenter.channels, WIDTH)
    for index, frame in enumerate(written):
        pixels = frame_pixels(index)
        classes = RedSegmenter().segment_batch(pixels[np.newaxis])[0]
        expected = Painter(RedSegmenter.channels.colors, alpha=0.7, contours=True)(pixels, classes)
        assert frame.shape == (HEIGHT + legend.height, WIDTH, 3)
        # Two lossy encodings, with colours at half the resolution: only the middle of each area is comparable.
        for row, column in ((12, 16), (40, 50)):
            assert np.abs(frame[row, column].astype(int) - expected[row, column]).max() < 12


def test_the_legend_has_a_constant_size() -> None:
    legend = FixedLegend(label_set_of_names(("background", "person", "dog")), 200)
    none, one = legend(np.zeros((4, 4), np.uint8)), legend(np.eye(4, dtype=np.uint8))
    assert none.shape == one.shape == (legend.height, 200, 3)
    assert legend.height % 2 == 0
    assert one.astype(int).sum() < none.astype(int).sum(), "a class in the frame is as pale as the others"
