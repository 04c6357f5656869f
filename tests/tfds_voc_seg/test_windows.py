"""Windows cover an axis, their weights add up to 1, and graphs compute the same ones."""

from __future__ import annotations

import itertools

import hypothesis.strategies as st
import numpy as np
from hypothesis import given

from tfds_voc_seg import graph_windows
from tfds_voc_seg.windows import window_offsets, window_weights


@given(side=st.integers(1, 500), more=st.integers(0, 3000))
def test_windows_cover_the_axis_and_graphs_compute_the_same(side: int, more: int) -> None:
    length = side + more
    offsets = window_offsets(length, side)
    weights = window_weights(length, side, offsets)
    assert (offsets[0], offsets[-1]) == (0, length - side)
    assert all(after - before <= max(1, side - side // 4) for before, after in itertools.pairwise(offsets))
    total = np.zeros(length)
    for offset, of_window in zip(offsets, weights, strict=True):
        total[offset : offset + side] += of_window
    np.testing.assert_allclose(total, 1, atol=1e-6)
    in_graph = graph_windows.window_offsets(length, side)
    np.testing.assert_array_equal(in_graph, offsets)
    np.testing.assert_array_equal(graph_windows.window_weights(length, side, in_graph), weights)
