"""Downloads the official archive, verifies it and unpacks it. An interrupted download is resumed by the next call."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import http.client
import shutil
import tarfile
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from tfds_voc_seg.printable import printable
from tfds_voc_seg.storage import written_whole

if TYPE_CHECKING:
    from collections.abc import Callable

_BLOCK_BYTES = 1 << 20
_INVALID_NAMES = (errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.EEXIST)
_LONGEST_REASON = 200  # characters of a server's text in a message


class DownloadError(RuntimeError):
    """An archive cannot be downloaded or unpacked, or its content is not the expected one."""


class _TooLargeError(Exception):
    """The server sends more than the archive."""


@dataclasses.dataclass(frozen=True)
class Archive:
    """A tar file on the web.

    Attributes:
        url: its address.
        size: its size in bytes.
        sha256: its SHA-256 digest, hexadecimal.
    """

    url: str
    size: int
    sha256: str


VOC2012_ARCHIVE = Archive(
    url="http://host.robots.ox.ac.uk/pascal/VOC/voc2012/VOCtrainval_11-May-2012.tar",
    size=1_999_639_040,
    sha256="e14f763270cf193d0b5f74b169f44157a4b0c6efa708f4dd0ff78ee691763bcb",
)


def fetch_archive(archive: Archive, folder: str | Path, on_bytes: Callable[[int, int], None] | None = None) -> Path:
    """Downloads and unpacks an archive, and skips the steps that an earlier call has finished.

    Args:
        archive: the archive to download.
        folder: the folder for the tar file and the unpacked folder.
        on_bytes: called with the number of bytes downloaded so far and the size of the archive.

    Returns:
        The folder with the content of the archive.

    Raises:
        DownloadError: the server cannot be reached or stops early (the next call resumes the download), the content of
            the file is not the expected one, or the file contains links or paths outside its folder.
    """
    folder = Path(folder)
    name = archive.url.rpartition("/")[2]
    unpacked = folder / f"{Path(name).stem}-{archive.sha256[:12]}"
    if unpacked.is_dir():
        return unpacked
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    if not file.is_file():
        _download(archive, file, on_bytes)
    _verify(archive, file)
    _unpack(file, unpacked)
    return unpacked


def _download(archive: Archive, file: Path, on_bytes: Callable[[int, int], None] | None) -> None:
    partial = file.with_name(f"{file.name}.part")
    downloaded = partial.stat().st_size if partial.exists() else 0
    if downloaded < archive.size:
        request = urllib.request.Request(archive.url, headers={"Range": f"bytes={downloaded}-"} if downloaded else {})
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                resumed = response.status == 206
                downloaded = downloaded if resumed else 0  # a server that ignores ranges sends the whole file again
                with partial.open("ab" if resumed else "wb") as output:
                    while block := response.read(_BLOCK_BYTES):
                        if downloaded + len(block) > archive.size:
                            raise _TooLargeError
                        output.write(block)
                        downloaded += len(block)
                        if on_bytes:
                            on_bytes(downloaded, archive.size)
        except _TooLargeError:
            partial.unlink()
            raise DownloadError(
                f"{archive.url}: not the expected archive: the server sends more than its {archive.size:,} bytes. The "
                "file was deleted; use another address, or unpack the devkit yourself and pass its folder."
            ) from None
        except (OSError, http.client.HTTPException) as error:  # URLError is an OSError
            # The text of an answer that is not HTTP is the server's: it may hold anything.
            reason = printable(" ".join(str(error).split()))[:_LONGEST_REASON] or type(error).__name__
            raise DownloadError(
                f"{archive.url}: {reason}; {downloaded:,} of {archive.size:,} bytes are downloaded. Try again to "
                "resume the download, or unpack the devkit yourself and pass its folder."
            ) from error
    if downloaded < archive.size:
        raise DownloadError(
            f"{archive.url}: the server stopped after {downloaded:,} of {archive.size:,} bytes; try again to resume "
            "the download"
        )
    partial.replace(file)


def _verify(archive: Archive, file: Path) -> None:
    """Compares size and digest of the downloaded file with the expected ones; deletes the file if they differ."""
    digest = hashlib.sha256()
    with file.open("rb") as content:
        while block := content.read(_BLOCK_BYTES):
            digest.update(block)
    size = file.stat().st_size
    if (size, digest.hexdigest()) != (archive.size, archive.sha256):
        file.unlink()
        raise DownloadError(
            f"{archive.url}: not the expected archive: {size:,} bytes with SHA-256 {digest.hexdigest()} instead of "
            f"{archive.size:,} bytes with {archive.sha256}. The file was deleted; try again, or use another address."
        )


def _unpack(file: Path, folder: Path) -> None:
    """Unpacks a tar file; rejects links and all paths outside the folder. The folder appears once it is complete."""
    with written_whole(folder, flushed=False) as unfinished:
        target = Path(unfinished)
        target.mkdir()
        try:
            with tarfile.open(file) as tar:
                for member in tar:
                    inside = (target / member.name).resolve().is_relative_to(target.resolve())
                    if not inside or not (member.isfile() or member.isdir()):
                        raise DownloadError(
                            f"{file} contains {member.name!r}, a link or a path outside its folder: not unpacked"
                        )
                    if member.isdir():
                        (target / member.name).mkdir(parents=True, exist_ok=True)
                        continue
                    (target / member.name).parent.mkdir(parents=True, exist_ok=True)
                    content = tar.extractfile(member)
                    assert content is not None
                    with (target / member.name).open("wb") as output:
                        shutil.copyfileobj(content, output, _BLOCK_BYTES)
        except OSError as error:
            if error.errno not in _INVALID_NAMES:
                raise
            raise DownloadError(f"{file} holds a name that is too long, or one below a file: not unpacked") from error
        except (tarfile.TarError, ValueError) as error:  # ValueError: a name with a null byte, or an invalid number
            raise DownloadError(f"{file} cannot be unpacked: {error}; delete it and try again") from error
