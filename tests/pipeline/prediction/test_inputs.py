"""`find_inputs` finds the files that command-line arguments name, gives each a unique name, and recognises videos."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from pipeline.prediction.inputs import find_inputs
from tests.pipeline.prediction.odd_images import encoded, pixels

if TYPE_CHECKING:
    from pathlib import Path


def _file(path: Path, content: bytes = b"") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def _names(tmp_path: Path, *arguments: Path) -> dict[str, str]:
    """Path below `tmp_path` → name of its results."""
    found, failures = find_inputs([str(path) for path in arguments], tmp_path / "photos/out", io.BytesIO(), tmp_path)
    assert not failures
    assert len({each.name.casefold() for each in found}) == len(found)
    return {each.display_name.removeprefix(f"{tmp_path}/"): each.name for each in found}


def test_files_of_a_folder_get_unique_names_and_results_are_skipped(tmp_path: Path) -> None:
    for name in ("x.jpg", "x.png", "X.gif", "sub/x.jpg", "y", "out/class_maps/x.png"):
        _file(tmp_path / "photos" / name)
    assert _names(tmp_path, tmp_path / "photos") == {
        "photos/X.gif": "X_gif",
        "photos/sub/x.jpg": "sub/x",
        "photos/x.jpg": "x_jpg",
        "photos/x.png": "x_png",
        "photos/y": "y",
    }


def test_files_of_the_same_name_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    first, second = _file(tmp_path / "photos/x.jpg"), _file(tmp_path / "other/x.jpg")
    assert _names(tmp_path, first, second, first) == {
        "photos/x.jpg": "photos_x_jpg",
        "other/x.jpg": "other_x_jpg",
    }


def test_links_that_leave_a_folder_are_failures_and_named_files_are_followed(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    _file(tmp_path / "private/x.jpg")
    _file(photos / "y.jpg")
    (photos / "link.jpg").symlink_to(tmp_path / "private/x.jpg")
    (photos / "same.jpg").symlink_to("y.jpg")
    (tmp_path / "linked").symlink_to(photos)
    for folder in (photos, tmp_path / "linked"):
        found, failures = find_inputs([str(folder)], tmp_path / "out", io.BytesIO(), tmp_path)
        assert [each.path.name for each in found] == ["y.jpg"]
        (failure,) = failures
        assert failure.display_name == str(folder / "link.jpg")
        assert failure.reason == f"is a link to a file outside of {folder}: name the file itself to use it"
    assert _names(tmp_path, photos / "link.jpg") == {"photos/link.jpg": "link"}


def test_glob_patterns(tmp_path: Path) -> None:
    for name in ("photos/x.jpg", "photos/sub/x.jpg", "other/x.jpg"):
        _file(tmp_path / name)
    assert _names(tmp_path, tmp_path / "photos/sub/*.jpg") == {"photos/sub/x.jpg": "x"}
    assert len(_names(tmp_path, tmp_path / "**/x.jpg")) == 3


def test_an_existing_file_is_not_read_as_a_pattern(tmp_path: Path) -> None:
    file = _file(tmp_path / "photos/b[1].jpg")
    assert _names(tmp_path, file) == {"photos/b[1].jpg": "b[1]"}


@pytest.mark.parametrize(
    ("argument", "reason"), [("empty", "contains no files"), ("none*", "matches no file"), ("none", "does not exist")]
)
def test_an_argument_without_files_is_reported(argument: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    found, failures = find_inputs([str(tmp_path / argument)], tmp_path / "out", io.BytesIO(), tmp_path)
    assert found == []
    assert [failure.reason for failure in failures] == [reason]


def test_a_gif_is_a_video_if_it_has_several_frames(tmp_path: Path) -> None:
    frames = [Image.fromarray(np.full((8, 8, 3), value, np.uint8)) for value in (0, 200)]
    _file(tmp_path / "in/animated.gif", encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    _file(tmp_path / "in/still.gif", encoded(frames[0], "GIF"))
    _file(tmp_path / "in/clip.MP4")
    found, _ = find_inputs([str(tmp_path / "in")], tmp_path / "out", io.BytesIO(), tmp_path)
    assert {each.path.name: each.is_video for each in found} == {
        "animated.gif": True,
        "still.gif": False,
        "clip.MP4": True,
    }


@pytest.mark.parametrize(
    ("content", "is_video"),
    [
        pytest.param(b"\0\0\0\x20ftypisom", True, id="mp4"),
        pytest.param(b"\0\0\0\x20ftypheic", False, id="heic"),
        pytest.param(b"RIFF\0\0\0\0AVI LIST", True, id="avi"),
        pytest.param(b"RIFF\0\0\0\0WEBPVP8 ", False, id="webp"),
        pytest.param(b"\x1aE\xdf\xa3", True, id="webm"),
        pytest.param(encoded(pixels(45, 80), "JPEG", quality=95), False, id="jpeg"),
    ],
)
def test_standard_input_is_recognised_by_its_first_bytes(content: bytes, is_video: bool, tmp_path: Path) -> None:
    ((piped,), _) = find_inputs(["-"], tmp_path / "out", io.BytesIO(content), tmp_path)
    assert (piped.display_name, piped.name, piped.is_video) == ("-", "stdin", is_video)


def test_the_current_folder_may_receive_the_results(tmp_path: Path) -> None:
    for name in ("photos/x.jpg", "class_maps/x.png", "overlays/x.png", "sub/overlays/y.png"):
        _file(tmp_path / name)
    for arguments, names in (
        (["photos"], ["photos/x.jpg"]),
        (["."], ["photos/x.jpg", "sub/overlays/y.png"]),
        (["overlays"], ["overlays/x.png"]),  # the user names the folder of results itself
    ):
        found, failures = find_inputs(
            [str(tmp_path / argument) for argument in arguments], tmp_path, io.BytesIO(), tmp_path
        )
        assert not failures
        assert [str(each.path.relative_to(tmp_path)) for each in found] == names


def test_a_folder_without_access_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _file(tmp_path / "photos/x.jpg")
    closed = _file(tmp_path / "photos/closed/y.jpg").parent
    scandir = os.scandir

    def refusing(folder: str) -> Any:
        if str(folder) == str(closed):
            raise PermissionError(13, "Permission denied", str(folder))
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refusing)
    found, failures = find_inputs([str(tmp_path / "photos")], tmp_path / "out", io.BytesIO(), tmp_path)
    assert [each.path.name for each in found] == ["x.jpg"]
    (failure,) = failures
    assert (failure.display_name, failure.reason) == (
        str(closed),
        "cannot be opened (Permission denied): allow access to it",
    )
