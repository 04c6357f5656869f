from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.prediction.video.options import VideoError, VideoOptions, output_size


def test_an_end_before_the_start_is_refused() -> None:
    with pytest.raises(VideoError, match="--end 2 s is not after --start 3 s"):
        VideoOptions(start=3, end=2)


def test_options_import_no_heavy_library() -> None:
    program = (
        "import sys, pipeline.commands.video_arguments\n"
        "print({'av', 'numpy', 'PIL', 'tensorflow', 'pydantic'} & set(sys.modules))"
    )
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert finished.stdout == "set()\n"


@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.integers(1, 5000),
    st.integers(1, 5000),
    st.one_of(st.none(), st.integers(16, 4000), st.tuples(st.integers(16, 4000), st.integers(16, 4000))),
)
def test_sizes_are_even_and_keep_the_aspect_ratio(
    width: int, height: int, resize: int | tuple[int, int] | None
) -> None:
    new_width, new_height = output_size(width, height, resize)
    assert new_width % 2 == new_height % 2 == 0
    assert min(new_width, new_height) >= 2
    if isinstance(resize, int):
        assert abs(max(new_width, new_height) - resize) <= 1
        assert abs(new_width * height - new_height * width) <= 2 * (width + height) or min(new_width, new_height) == 2
