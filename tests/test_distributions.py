"""The source distribution and the wheel: their version, which comes from git's tags, and their files."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
PACKAGES = ("components", "pipeline", "tfds_voc_seg")
COPIED = ("pyproject.toml", "setup.py", "README.md", "LICENSE", ".gitattributes", ".git_archival.txt", *PACKAGES)

pytestmark = pytest.mark.slow


def _git(folder: Path, *command: str) -> None:
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.org")
    subprocess.run(["git", *identity, *command], cwd=folder, check=True, capture_output=True)


def _copy(folder: Path) -> Path:
    folder.mkdir()
    for name in COPIED:
        if (PROJECT / name).is_dir():
            shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(PROJECT / name, folder)
    return folder


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository of one commit, without tags."""
    folder = _copy(tmp_path / "repository")
    _git(folder, "init", "--quiet")
    _git(folder, "add", ".")
    _git(folder, "commit", "--quiet", "--message", "first")
    return folder


def _build(source: Path, out: Path, *options: str, **environment: str) -> list[str]:
    """Builds with uv in an isolated environment and returns the names of the files."""
    uv = shutil.which("uv") or str(PROJECT / ".uv/bin/uv")
    if not Path(uv).is_file():
        pytest.skip("uv is not installed; `make env` installs it")
    finished = subprocess.run(
        [uv, "build", "--quiet", "--out-dir", out, *options, source],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )
    assert finished.returncode == 0, finished.stderr
    return sorted(file.name for file in out.iterdir() if file.suffix in (".whl", ".gz"))


def test_a_release_has_the_version_of_its_tag_and_all_files_of_the_packages(repository: Path, tmp_path: Path) -> None:
    _git(repository, "tag", "v1.2.3")
    wheel, archive = _build(repository, tmp_path / "dist")
    assert (wheel, archive) == ("voc_seg-1.2.3-py3-none-any.whl", "voc_seg-1.2.3.tar.gz")
    expected = {
        str(file.relative_to(repository))
        for name in PACKAGES
        for file in (repository / name).rglob("*")
        if file.is_file()
    }
    with zipfile.ZipFile(tmp_path / "dist" / wheel) as files:
        names = {name for name in files.namelist() if not name.startswith("voc_seg-1.2.3.dist-info/")}
    assert names == expected
    with tarfile.open(tmp_path / "dist" / archive) as files:
        shipped = {name.partition("/")[2] for name in files.getnames()}
    assert expected | {"pyproject.toml", "setup.py", "README.md", "LICENSE"} <= shipped


def test_versions_between_and_without_tags(repository: Path, tmp_path: Path) -> None:
    (untagged,) = _build(repository, tmp_path / "untagged", "--wheel")
    assert untagged.startswith("voc_seg-0.0.1.dev1+g")
    _git(repository, "tag", "v1.2.3")
    _git(repository, "commit", "--quiet", "--allow-empty", "--message", "second")
    (between,) = _build(repository, tmp_path / "between", "--wheel")
    assert between.startswith("voc_seg-1.2.4.dev1+g")


def test_without_git_a_build_falls_back(tmp_path: Path) -> None:
    assert _build(_copy(tmp_path / "copy"), tmp_path / "dist", "--wheel") == ["voc_seg-0.0.0-py3-none-any.whl"]


def test_an_archive_of_a_tag_knows_its_version(repository: Path, tmp_path: Path) -> None:
    """What a hosting service offers for download is made by `git archive`."""
    _git(repository, "tag", "v1.2.3")
    _git(repository, "archive", "--output", str(tmp_path / "archive.tar"), "--prefix", "voc-seg/", "HEAD")
    with tarfile.open(tmp_path / "archive.tar") as files:
        files.extractall(tmp_path, filter="data")
    assert _build(tmp_path / "voc-seg", tmp_path / "dist", "--wheel") == ["voc_seg-1.2.3-py3-none-any.whl"]
