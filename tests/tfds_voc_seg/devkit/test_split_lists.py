"""Lists in the forms that users have are read, or refused with the line."""

from __future__ import annotations

import shutil
import unicodedata
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tfds_voc_seg.devkit.check import check_devkit
from tfds_voc_seg.devkit.fingerprint import fingerprint
from tfds_voc_seg.devkit.problems import DevkitError
from tfds_voc_seg.devkit.split_lists import read_image_ids
from tfds_voc_seg.devkit.splits import read_splits, read_train_aug

if TYPE_CHECKING:
    from pathlib import Path

    from tfds_voc_seg.devkit.image_files import ImageFiles


@pytest.fixture
def ids(own_devkit: Path) -> list[str]:
    return (own_devkit / "ImageSets/Segmentation/train.txt").read_text().split()


def _write(devkit: Path, content: str | bytes, split: str = "train") -> None:
    content = content.encode() if isinstance(content, str) else content
    (devkit / f"ImageSets/Segmentation/{split}.txt").write_bytes(content)


def _rename(devkit: Path, image_id: str, photo: str, mask: str) -> None:
    (devkit / f"JPEGImages/{image_id}.jpg").rename(devkit / "JPEGImages" / photo)
    (devkit / f"SegmentationClass/{image_id}.png").rename(devkit / "SegmentationClass" / mask)


@pytest.mark.parametrize(
    "content",
    [
        "\ufeff{0}\n{1}\n",
        "{0}\r\n{1}\r\n",
        "{0}.jpg\n{1}.JPG\n",
        "{0}.png\n{1}\n",
        "# my list\n{0}\n\n  {1}  # a good one\n",
        "{0} {1}\n",
        "JPEGImages/{0}.jpg\n/data/VOC2012/JPEGImages/{1}.jpg\n",
        "/JPEGImages/{0}.jpg /SegmentationClass/{0}.png\nJPEGImages/{1}.jpg\tSegmentationClass/{1}.png",
    ],
    ids=["bom", "windows", "extensions", "mask extension", "comments", "one line", "paths", "two paths"],
)
def test_common_forms_are_read(own_devkit: Path, ids: list[str], content: str) -> None:
    _write(own_devkit, content.format(*ids))
    listing = read_splits(own_devkit)["train"]
    assert [pair.image_id for pair in listing.pairs] == ids[:2]
    assert not listing.problems


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{0} -1\n{1}  1\n", "line 1: '{0} -1' has a column of 1, 0 or -1, as VOC's lists of one class do"),
        ("{0}\n{1}  1\n", "line 2: '{1}  1' has a column of 1, 0 or -1"),
        ("{0}.jpg {1}.png\n", "line 1: '{0}.jpg {1}.png' holds two paths or names"),
        (
            "JPEGImages/{0}.jpg SegmentationClass/{1}.png",
            "line 1: 'JPEGImages/{0}.jpg SegmentationClass/{1}.png' holds two",
        ),
        ("\n\nJPEGImages/{0}.jpg SegmentationClassAug/{0}.png", "line 3: 'JPEGImages/{0}.jpg SegmentationClassAug"),
        ("# nothing\n", "train.txt is empty"),
    ],
)
def test_other_forms_are_refused_with_the_line(own_devkit: Path, ids: list[str], content: str, message: str) -> None:
    _write(own_devkit, content.format(*ids))
    with pytest.raises(DevkitError) as error:
        read_splits(own_devkit)
    assert message.format(*ids) in str(error.value)


def test_a_list_in_utf_16_is_refused(own_devkit: Path, ids: list[str]) -> None:
    _write(own_devkit, ids[0].encode("utf-16"))
    with pytest.raises(DevkitError, match=r"train\.txt is not a text file in UTF-8"):
        read_splits(own_devkit)


@pytest.mark.parametrize("name", ["my photo", "photo 1", "photo -1", "a # b", "#1", "x.png", "Zürich 2"])
def test_names_that_look_like_other_forms_are_read(own_devkit: Path, ids: list[str], name: str) -> None:
    _rename(own_devkit, ids[0], f"{name}.jpg", f"{name}.png")
    _write(own_devkit, f"{ids[1]}\n{name}\n")
    listing = read_splits(own_devkit)["train"]
    assert [pair.image_id for pair in listing.pairs] == [ids[1], name]
    assert not check_devkit(own_devkit).problems


def test_a_missing_photo_whose_name_has_spaces_is_one_problem(own_devkit: Path, ids: list[str]) -> None:
    _write(own_devkit, f"{ids[0]}\nmy photo\n")
    problems = read_splits(own_devkit)["train"].problems
    assert [(problem.image_id, problem.what) for problem in problems] == [("my photo", "is missing")] * 2


_NAMES = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z"), exclude_characters="/"), min_size=1)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    names=st.lists(st.lists(_NAMES, min_size=1, max_size=3).map(" ".join), min_size=1, max_size=5, unique=True),
    form=st.sampled_from(["{}", "{}\r", "  {} ", "{}\n\n", "JPEGImages/{}.jpg"]),
    bom=st.booleans(),
)
def test_any_names_of_photos_are_read(tmp_path: Path, names: list[str], form: str, bom: bool) -> None:
    files = cast("ImageFiles", SimpleNamespace(has_photo=set(names).__contains__))
    (tmp_path / "ImageSets/Segmentation").mkdir(parents=True, exist_ok=True)
    if form.startswith("JPEGImages"):
        names = [name for name in names if "#" not in name and " " not in name] or ["x"]
        files = cast("ImageFiles", SimpleNamespace(has_photo=set(names).__contains__))
    _write(tmp_path, "\ufeff" * bom + "\n".join(form.format(name) for name in names))
    assert read_image_ids(tmp_path, "train", files, "SegmentationClass") == names


@pytest.mark.parametrize("suffix", [".JPG", ".jpeg", ".Jpg", ".png", ".PNG", ".bmp"])
def test_photos_with_other_suffixes_are_found(own_devkit: Path, ids: list[str], suffix: str) -> None:
    before = fingerprint(own_devkit)
    _rename(own_devkit, ids[0], f"{ids[0]}{suffix}", f"{ids[0]}.PNG")
    listing = read_splits(own_devkit)["train"]
    assert not listing.problems
    assert listing.pairs[0].photo.endswith(f"{ids[0]}{suffix}")
    assert listing.pairs[0].mask.endswith(".PNG")
    assert fingerprint(own_devkit) == before  # the content is the same
    (own_devkit / "JPEGImages" / f"{ids[0]}{suffix}").write_bytes(b"other content")
    assert fingerprint(own_devkit) != before


@pytest.mark.parametrize("forms", [("NFC", "NFD"), ("NFD", "NFC")])
def test_names_in_another_unicode_form_are_found(own_devkit: Path, ids: list[str], forms: tuple[str, str]) -> None:
    names = {"NFC": unicodedata.normalize("NFC", "Zürich"), "NFD": unicodedata.normalize("NFD", "Zürich")}
    in_list, on_disk = (names[form] for form in forms)
    _rename(own_devkit, ids[0], f"{on_disk}.jpg", f"{in_list}.png")
    annotation = own_devkit / f"Annotations/{on_disk}.xml"
    annotation.parent.mkdir(exist_ok=True)
    annotation.write_text("<annotation/>")
    _write(own_devkit, in_list)
    listing = read_splits(own_devkit)["train"]
    assert not listing.problems
    assert [pair.image_id for pair in listing.pairs] == [in_list]
    assert listing.pairs[0].annotation == str(annotation)


def test_two_candidates_are_an_error_that_names_both(own_devkit: Path, ids: list[str]) -> None:
    photo, mask = own_devkit / f"JPEGImages/{ids[0]}.jpg", own_devkit / f"SegmentationClass/{ids[1]}.png"
    shutil.copy(photo, photo.with_suffix(".JPEG"))
    shutil.copy(mask, mask.with_suffix(".PNG"))
    listing = read_splits(own_devkit)["train"]
    assert [pair.image_id for pair in listing.pairs] == ids[2:]
    for problem, file in zip(listing.problems, (photo.with_suffix(".JPEG"), mask.with_suffix(".PNG")), strict=True):
        assert str(file) in str(problem)
        assert str(file.with_suffix(file.suffix.lower()[:4].replace(".jpe", ".jpg"))) in str(problem)
        assert "keep one of the" in problem.advice


def test_sbds_list_of_two_paths_is_read(own_devkit: Path, ids: list[str]) -> None:
    shutil.copytree(own_devkit / "SegmentationClass", own_devkit / "SegmentationClassAug")
    lines = [f"/JPEGImages/{image_id}.jpg /SegmentationClassAug/{image_id}.png" for image_id in ids]
    _write(own_devkit, "\n".join(lines), "train_aug")
    listing = read_train_aug(own_devkit)
    assert listing is not None
    assert [pair.image_id for pair in listing.pairs] == ids


def test_a_folder_without_access_is_one_sentence(own_devkit: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pathlib

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(pathlib.Path, "iterdir", refuse)
    with pytest.raises(DevkitError, match=r"JPEGImages cannot be read \(Permission denied\): allow access to it$"):
        read_splits(own_devkit)
