"""Frames are painted like photos, and the legend has a constant size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.prediction.painting import Painter
from pipeline.prediction.video.options import VideoOptions
from pipeline.prediction.video.overlay import FixedLegend
from pipeline.prediction.video.predict_video import predict_video
from tests.pipeline.prediction.video.clips import HEIGHT, WIDTH, RedSegmenter, Video, frame_pixels
from tfds_voc_seg.label_set import VOC_LABELS, label_set_of_names
from tfds_voc_seg.labels import VOC_CLASSES
from tfds_voc_seg.pictures import legend

if TYPE_CHECKING:
    from pathlib import Path


def test_frames_are_painted_like_photos(clips: dict[str, Path], tmp_path: Path) -> None:
    predict_video(RedSegmenter(), clips[".mp4"], tmp_path / "out.mp4", VideoOptions(alpha=0.7, contours=True))
    written = Video(tmp_path / "out.mp4").frames
    strip = FixedLegend(RedSegmenter.channels, WIDTH)
    for index, frame in enumerate(written):
        pixels = frame_pixels(index)
        classes = RedSegmenter().class_map(pixels)
        expected = Painter(RedSegmenter.channels.colors, alpha=0.7, contours=True)(pixels, classes)
        assert frame.shape == (HEIGHT + strip.height, WIDTH, 3)
        # Two lossy encodings, with colours at half the resolution: only the middle of each area is comparable.
        for row, column in ((12, 16), (40, 50)):
            assert np.abs(frame[row, column].astype(int) - expected[row, column]).max() < 12


def test_the_legend_has_a_constant_size() -> None:
    strip = FixedLegend(label_set_of_names(("background", "person", "dog")), 200)
    none, one = strip(np.zeros((4, 4), np.uint8)), strip(np.eye(4, dtype=np.uint8))
    assert none.shape == one.shape == (strip.height, 200, 3)
    assert strip.height % 2 == 0
    assert one.astype(int).sum() < none.astype(int).sum(), "a class in the frame is as pale as the others"


@settings(deadline=None, max_examples=20)
@given(st.sets(st.integers(0, 20)), st.integers(60, 900))
def test_the_legend_is_as_if_it_was_drawn_for_the_classes_of_the_frame(ids: set[int], width: int) -> None:
    class_map = np.array([[*ids] or [0]], np.uint8)
    drawn = legend(VOC_CLASSES, width, VOC_LABELS, present=[VOC_CLASSES[i] for i in ids], scale=max(1, width / 640))
    np.testing.assert_array_equal(FixedLegend(VOC_LABELS, width)(class_map), drawn)
