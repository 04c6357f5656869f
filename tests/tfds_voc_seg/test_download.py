"""The download against a small archive served on localhost."""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import tensorflow_datasets as tfds

from tests.conftest import CLASSES, IMAGE_SIZE, TRAIN_IMAGES
from tfds_voc_seg.download import Archive, DownloadError, fetch_archive
from tfds_voc_seg.voc_seg_dataset_builder import VocSegConfig


class Server:
    """Serves one file; can be told to stop early or to know no ranges. Notes the ranges asked for."""

    def __init__(self) -> None:
        self.content, self.stop_after, self.knows_ranges = b"", None, True
        self.ranges: list[str | None] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked = self.headers.get("Range")
                outer.ranges.append(asked)
                start = 0
                if asked and outer.knows_ranges:
                    found = re.fullmatch(r"bytes=(\d+)-", asked)
                    assert found
                    start = int(found[1])
                self.send_response(206 if start else 200)
                self.send_header("Content-Length", str(len(outer.content) - start))
                self.end_headers()
                self.wfile.write(outer.content[start : outer.stop_after])

            def log_message(self, *_: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    stop_after: int | None

    @property
    def archive(self) -> Archive:
        url = f"http://127.0.0.1:{self.http.server_port}/devkit.tar"
        return Archive(url, len(self.content), hashlib.sha256(self.content).hexdigest())


@pytest.fixture
def server(devkit: Path) -> Iterator[Server]:
    server = Server()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.add(devkit, "VOCdevkit/VOC2012")
    server.content = buffer.getvalue()
    yield server
    server.http.shutdown()
    server.http.server_close()


def test_the_archive_is_unpacked_and_fetched_once(server: Server, devkit: Path, tmp_path: Path) -> None:
    seen: list[int] = []
    folder = fetch_archive(server.archive, tmp_path, lambda have, size: seen.append(have))
    assert seen[-1] == len(server.content)
    original = sorted(path.relative_to(devkit) for path in devkit.rglob("*"))
    assert (
        sorted(p.relative_to(folder / "VOCdevkit/VOC2012") for p in (folder / "VOCdevkit/VOC2012").rglob("*"))
        == original
    )
    assert fetch_archive(server.archive, tmp_path) == folder
    assert len(server.ranges) == 1


def test_a_download_that_broke_off_goes_on(server: Server, tmp_path: Path) -> None:
    server.stop_after = 100_000
    with pytest.raises(DownloadError, match=r"100,000 of [\d,]+ bytes"):
        fetch_archive(server.archive, tmp_path)
    assert not list(tmp_path.glob("devkit-*"))
    server.stop_after = None
    fetch_archive(server.archive, tmp_path)
    assert server.ranges == [None, "bytes=100000-"]


def test_a_server_without_ranges_starts_anew(server: Server, tmp_path: Path) -> None:
    server.stop_after, server.knows_ranges = 100_000, False
    with pytest.raises(DownloadError):
        fetch_archive(server.archive, tmp_path)
    server.stop_after = None
    assert fetch_archive(server.archive, tmp_path).is_dir()


def test_another_file_than_was_meant_is_refused_before_it_is_unpacked(server: Server, tmp_path: Path) -> None:
    meant = server.archive
    server.content = server.content[:-1] + b"x"
    with pytest.raises(DownloadError, match="not the expected archive"):
        fetch_archive(meant, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["../outside.txt", "/tmp/voc_seg_outside.txt", "VOCdevkit/../../outside.txt"])
def test_paths_that_leave_the_folder_are_refused(name: str, server: Server, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.addfile(tarfile.TarInfo(name), io.BytesIO())
    server.content = buffer.getvalue()
    with pytest.raises(DownloadError, match="a path outside its folder"):
        fetch_archive(server.archive, tmp_path / "downloads")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["devkit.tar"]


def test_links_are_refused(server: Server, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc"
        tar.addfile(link)
    server.content = buffer.getvalue()
    with pytest.raises(DownloadError, match="a link or"):
        fetch_archive(server.archive, tmp_path)


def test_what_is_no_archive_is_refused(server: Server, tmp_path: Path) -> None:
    server.content = b"no archive" * 100
    with pytest.raises(DownloadError, match="cannot be unpacked"):
        fetch_archive(server.archive, tmp_path)


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="or unpack the devkit yourself"):
        fetch_archive(Archive("http://127.0.0.1:9/devkit.tar", 10, "0" * 64), tmp_path)


def test_the_dataset_downloads_its_archive(server: Server, tmp_path: Path) -> None:
    config = VocSegConfig(image_size=IMAGE_SIZE, classes=CLASSES, archive=server.archive)
    builder = tfds.builder("voc_seg", data_dir=tmp_path, config=config)
    builder.download_and_prepare()
    assert builder.info.splits["train"].num_examples == TRAIN_IMAGES
