"""The official archive: downloaded in as many goes as it takes, verified, then unpacked, each whole or not at all."""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
import tarfile
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from tfds_voc_seg.storage import written_whole

_BLOCK = 1 << 20  # bytes


class DownloadError(RuntimeError):
    """An archive that can't be had, or is not the one that was meant."""


@dataclasses.dataclass(frozen=True)
class Archive:
    """A tar file on the web.

    Attributes:
        url: where it is.
        size: its bytes.
        sha256: its digest, hexadecimal.
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
    """Downloads and unpacks an archive; what an earlier call has done already is not done again.

    Args:
        archive: what to fetch.
        folder: where the tar file and the unpacked folder go.
        on_bytes: called with the bytes here so far and the archive's size.

    Returns:
        The folder that holds what was in the archive.

    Raises:
        DownloadError: the server can't be reached or ends early (call again to go on), the file is not the one that
            was meant, or it would write outside its folder.
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
    have = partial.stat().st_size if partial.exists() else 0
    if have < archive.size:
        request = urllib.request.Request(archive.url, headers={"Range": f"bytes={have}-"} if have else {})
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                goes_on = response.status == 206
                have = have if goes_on else 0  # a server that knows no ranges starts anew
                with partial.open("ab" if goes_on else "wb") as output:
                    while block := response.read(_BLOCK):
                        output.write(block)
                        have += len(block)
                        if on_bytes:
                            on_bytes(have, archive.size)
        except (OSError, urllib.error.URLError) as error:
            raise DownloadError(
                f"{archive.url}: {error}; {have:,} of {archive.size:,} bytes are here, the next try goes on. "
                "Or unpack the devkit yourself and name its folder."
            ) from error
    if have < archive.size:
        raise DownloadError(
            f"{archive.url}: the server stopped after {have:,} of {archive.size:,} bytes; try again to go on from there"
        )
    partial.replace(file)


def _verify(archive: Archive, file: Path) -> None:
    digest = hashlib.sha256()
    with file.open("rb") as content:
        while block := content.read(_BLOCK):
            digest.update(block)
    size = file.stat().st_size
    if (size, digest.hexdigest()) != (archive.size, archive.sha256):
        file.unlink()
        raise DownloadError(
            f"{archive.url}: not the archive that was meant: {size:,} bytes with SHA-256 {digest.hexdigest()} "
            f"instead of {archive.size:,} with {archive.sha256}. It was removed; try again, or another address."
        )


def _unpack(file: Path, folder: Path) -> None:
    """Unpacks beside the folder and renames; refuses anything but files and folders that stay inside."""
    with written_whole(folder, flushed=False) as unfinished:
        target = Path(unfinished)
        target.mkdir()
        try:
            with tarfile.open(file) as tar:
                for member in tar:
                    inside = (target / member.name).resolve().is_relative_to(target.resolve())
                    if not inside or not (member.isfile() or member.isdir()):
                        raise DownloadError(
                            f"{file} holds {member.name!r}, which leaves its folder or is a link: not unpacked"
                        )
                    if member.isdir():
                        (target / member.name).mkdir(parents=True, exist_ok=True)
                        continue
                    (target / member.name).parent.mkdir(parents=True, exist_ok=True)
                    content = tar.extractfile(member)
                    assert content is not None
                    with (target / member.name).open("wb") as output:
                        shutil.copyfileobj(content, output, _BLOCK)
        except tarfile.TarError as error:
            raise DownloadError(f"{file} can't be unpacked: {error}; remove it and try again") from error
