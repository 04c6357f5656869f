"""What a cluster needs is fetched once, and an error says what is not available."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from clusters import downloads
from clusters.downloads import DownloadError, job_server, python_package

if TYPE_CHECKING:
    from pathlib import Path

MAVEN = """\
#!/bin/sh
for argument in "$@"; do case "$argument" in -Dfolder=*) folder=${argument#-Dfolder=} ;; esac; done
mkdir -p $folder && echo "$@" >$folder/flink-job-server.jar
"""
UV = """\
#!/bin/sh
while [ $# -gt 1 ]; do [ "$1" = --target ] && mkdir -p "$2" && echo downloaded >"$2/file"; shift; done
"""
FAILING = """\
#!/bin/sh
echo 'Could not find artifact
 in central' >&2
exit 3
"""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder in which programs are searched."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/bin:/usr/bin")
    monkeypatch.setattr(downloads, "_PROJECT", tmp_path)
    return folder


def install(programs: Path, name: str, text: str) -> None:
    (programs / name).write_text(text)
    (programs / name).chmod(0o755)


def test_a_job_server_is_made_once(programs: Path, tmp_path: Path) -> None:
    install(programs, "mvn", MAVEN)
    file = job_server("flink", tmp_path)
    assert file == tmp_path / "flink-job-server.jar"
    assert "clusters/flink.xml" in file.read_text()
    install(programs, "mvn", FAILING)
    assert job_server("flink", tmp_path) == file


def test_a_package_is_downloaded_once(programs: Path, tmp_path: Path) -> None:
    install(programs, "uv", UV)
    folder = python_package("some==1.0", tmp_path)
    assert (folder / "file").read_text() == "downloaded\n"
    install(programs, "uv", FAILING)
    assert python_package("some==1.0", tmp_path) == folder == tmp_path / "some-1.0"


def test_a_download_that_fails_is_one_line_and_is_repeated_next_time(programs: Path, tmp_path: Path) -> None:
    install(programs, "uv", UV.replace("done", "done\nexit 1"))
    with pytest.raises(DownloadError, match="uv failed with status 1"):
        python_package("some==1.0", tmp_path)
    install(programs, "uv", FAILING)
    with pytest.raises(DownloadError, match=r"^uv failed with status 3: Could not find artifact in central$"):
        python_package("some==1.0", tmp_path)


def test_a_program_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DownloadError, match="mvn is not installed; install it, or add its folder to PATH"):
        job_server("flink", tmp_path)
