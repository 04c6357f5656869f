"""Ids: unique whatever the names are, usable as names of files and in lists."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tfds_voc_seg.importers.files import relative_name
from tfds_voc_seg.importers.image_ids import id_of, identify_images
from tfds_voc_seg.importers.report import ImportReport
from tfds_voc_seg.importers.source import SourceImage

NAMES = st.text(st.characters(exclude_characters="\0\n"), min_size=1, max_size=300)


@given(NAMES)
def test_an_id_is_a_name_of_a_file_and_one_word(name: str) -> None:
    image_id = id_of(name)
    assert image_id
    assert Path(image_id).name == image_id
    assert image_id.split() == [image_id]
    assert image_id[0] not in "#.-"
    assert len(image_id.encode()) <= 180


@given(st.lists(NAMES | st.sampled_from(["a/b", "a_b", "A B", "a b"]), max_size=20))
def test_ids_are_unique_and_every_image_keeps_one(names: list[str]) -> None:
    images = [
        SourceImage(name, Path(f"/missing/{number}"), None, lambda size: np.zeros(size, np.uint8))
        for number, name in enumerate(names)
    ]
    identified = identify_images(images, ImportReport())
    assert list(identified.values()) == images
    assert len({image_id.lower() for image_id in identified}) == len(images)


def test_names_that_could_leave_the_folder() -> None:
    for name in ("/etc/passwd", "../a", "a/../../b", "..\\a", "C:\\a.jpg", "", ".", "a\0b"):
        assert relative_name(name) is None, name
    for name, path in (("a\\b.jpg", "a/b.jpg"), ("a/../b", "b"), ("./x", "x"), ("a//b", "a/b")):
        assert str(relative_name(name)) == path
