"""The download of a small archive from a server on localhost."""

from __future__ import annotations

import hashlib
import io
import re
import socket
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
import tensorflow_datasets as tfds

from tests.conftest import CLASSES, IMAGE_SIZE, TRAIN_IMAGES
from tfds_voc_seg.download import Archive, DownloadError, fetch_archive
from tfds_voc_seg.voc_seg_dataset_builder import VocSegConfig

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Server:
    """Serves one file.

    Attributes:
        content: content of the file.
        stop_after: number of bytes after which the server stops; `None` serves the whole file.
        supports_ranges: whether the server honours the Range header.
        ranges: the Range headers of the requests, in order.
    """

    def __init__(self) -> None:
        self.content = b""
        self.stop_after: int | None = None
        self.supports_ranges = True
        self.ranges: list[str | None] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked = self.headers.get("Range")
                outer.ranges.append(asked)
                start = 0
                if asked and outer.supports_ranges:
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


def test_the_archive_is_downloaded_once_and_unpacked(server: Server, devkit: Path, tmp_path: Path) -> None:
    seen: list[int] = []
    folder = fetch_archive(server.archive, tmp_path, lambda downloaded, _: seen.append(downloaded))
    assert seen[-1] == len(server.content)
    original = sorted(path.relative_to(devkit) for path in devkit.rglob("*"))
    assert (
        sorted(p.relative_to(folder / "VOCdevkit/VOC2012") for p in (folder / "VOCdevkit/VOC2012").rglob("*"))
        == original
    )
    assert fetch_archive(server.archive, tmp_path) == folder
    assert len(server.ranges) == 1


def test_an_interrupted_download_is_resumed(server: Server, tmp_path: Path) -> None:
    server.stop_after = 100_000
    with pytest.raises(DownloadError, match=r"100,000 of [\d,]+ bytes"):
        fetch_archive(server.archive, tmp_path)
    assert not list(tmp_path.glob("devkit-*"))
    server.stop_after = None
    fetch_archive(server.archive, tmp_path)
    assert server.ranges == [None, "bytes=100000-"]


def test_a_server_without_ranges_sends_the_whole_file_again(server: Server, tmp_path: Path) -> None:
    server.stop_after, server.supports_ranges = 100_000, False
    with pytest.raises(DownloadError):
        fetch_archive(server.archive, tmp_path)
    server.stop_after = None
    assert fetch_archive(server.archive, tmp_path).is_dir()


def test_an_unexpected_file_is_deleted_and_not_unpacked(server: Server, tmp_path: Path) -> None:
    expected = server.archive
    server.content = server.content[:-1] + b"x"
    with pytest.raises(DownloadError, match="not the expected archive"):
        fetch_archive(expected, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["../outside.txt", "/tmp/voc_seg_outside.txt", "VOCdevkit/../../outside.txt"])
def test_paths_outside_the_folder_are_rejected(name: str, server: Server, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.addfile(tarfile.TarInfo(name), io.BytesIO())
    server.content = buffer.getvalue()
    with pytest.raises(DownloadError, match="a path outside its folder"):
        fetch_archive(server.archive, tmp_path / "downloads")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["devkit.tar"]


def test_links_are_rejected(server: Server, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc"
        tar.addfile(link)
    server.content = buffer.getvalue()
    with pytest.raises(DownloadError, match="a link or"):
        fetch_archive(server.archive, tmp_path)


@pytest.mark.parametrize(
    ("names", "pax_headers"),
    [
        (["n" * 300], {}),
        (["a", "a/b"], {}),
        (["a/b", "a"], {}),
        (["."], {}),
        (["a"], {"path": "a\0b"}),
        (["a"], {"GNU.sparse.map": "x,y", "GNU.sparse.size": "1"}),
    ],
)
def test_archives_with_unusable_names_are_rejected(
    names: list[str], pax_headers: dict[str, str], server: Server, tmp_path: Path
) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size, member.pax_headers = 1, pax_headers
            tar.addfile(member, io.BytesIO(b"x"))
    server.content = buffer.getvalue()
    with pytest.raises(DownloadError, match=r"not unpacked|cannot be unpacked"):
        fetch_archive(server.archive, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["devkit.tar"]


def test_a_file_that_is_not_an_archive_is_rejected(server: Server, tmp_path: Path) -> None:
    server.content = b"not a tar file" * 100
    with pytest.raises(DownloadError, match="cannot be unpacked"):
        fetch_archive(server.archive, tmp_path)


def test_a_server_that_sends_more_than_the_archive(server: Server, tmp_path: Path) -> None:
    expected = server.archive
    server.content += bytes(3 << 20)
    with pytest.raises(DownloadError, match=r"sends more than its [\d,]+ bytes"):
        fetch_archive(expected, tmp_path)
    assert list(tmp_path.iterdir()) == []


def _raw_server(answer: bytes) -> int:
    """Starts a server that answers one connection with these bytes; returns its port."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with listening, listening.accept()[0] as connection:
            connection.recv(65536)
            connection.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()
    port: int = listening.getsockname()[1]
    return port


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"SSH-2.0-\x1b]0;owned\x07\r\n", "SSH-2.0-\ufffd]0;owned\ufffd"),  # BadStatusLine
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "IncompleteRead"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70000 + b"\r\n\r\n", "got more than 65536 bytes"),  # LineTooLong
        (b"HTTP/1.1 500 \x1b[2J\x9b\r\n\r\n", "HTTP Error 500: \ufffd[2J\ufffd"),
        (b"", "Remote end closed connection"),
    ],
)
def test_answers_that_are_not_http(answer: bytes, reason: str, tmp_path: Path) -> None:
    archive = Archive(f"http://127.0.0.1:{_raw_server(answer)}/devkit.tar", 10, "0" * 64)
    with pytest.raises(DownloadError) as error:
        fetch_archive(archive, tmp_path)
    assert reason in str(error.value)
    assert "Try again to resume the download" in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_an_unreachable_server(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="or unpack the devkit yourself"):
        fetch_archive(Archive("http://127.0.0.1:9/devkit.tar", 10, "0" * 64), tmp_path)


def test_the_dataset_downloads_its_archive(server: Server, tmp_path: Path) -> None:
    config = VocSegConfig(image_size=IMAGE_SIZE, classes=CLASSES, archive=server.archive)
    builder = tfds.builder("voc_seg", data_dir=tmp_path, config=config)
    builder.download_and_prepare()
    assert builder.info.splits["train"].num_examples == TRAIN_IMAGES
