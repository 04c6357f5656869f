"""The manifest of an artifact: the names, sizes, times and SHA-256 digests of its files. Needs no TFX.

A manifest is written last, so an artifact that has none is incomplete. It lies in the artifact's folder as
`manifest.json`. Only a Schema has it beside its folder, because TFX's components accept a single file there.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from etils import epath

from components.run_files import MANIFEST_FILE
from tfds_voc_seg.storage import file_sha256, files_below, unfinished_path, write_text_whole

if TYPE_CHECKING:
    from collections.abc import Iterator

_RECORD_FILE = ".tfrecord-"
"""Part of the name of each file of records, such as `voc_seg-train.tfrecord-00000-of-00002`."""
_RECORD_OVERHEAD = 8 + 4 + 4
"""Bytes of a TFRecord beside its data: the length, its checksum and the checksum of the data."""


class ArtifactError(ValueError):
    """An artifact is incomplete or damaged; the message names the file and says what to do."""


@dataclasses.dataclass(frozen=True)
class ManifestFile:
    """A file of an artifact.

    Attributes:
        name: its path relative to the artifact's folder.
        size: in bytes.
        mtime_ns: the time of its last change, in nanoseconds since the epoch; `None` in an object store.
        sha256: hex digest of its content.
        records: the number of records in it; `None` if it is not a file of records.
    """

    name: str
    size: int
    mtime_ns: int | None
    sha256: str
    records: int | None = None


def write_manifest(folder: epath.PathLike, *, beside: bool = False) -> None:
    """Writes the manifest of an artifact whose other files are complete.

    Args:
        folder: the artifact's folder; created if it does not exist.
        beside: write the manifest beside the folder.
    """
    folder = epath.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    files = [_describe(folder, path) for path in _content(folder)]
    entries = [dataclasses.asdict(file) for file in files]
    write_text_whole(_beside(folder) if beside else folder / MANIFEST_FILE, _text(entries), flushed=False)


def has_manifest(folder: epath.PathLike) -> bool:
    """Returns whether an artifact has a manifest, that is, whether it is complete."""
    return bool(_manifest_file(epath.Path(folder)).exists())


def read_manifest(folder: epath.PathLike) -> tuple[ManifestFile, ...]:
    """Reads the manifest of an artifact.

    Raises:
        ArtifactError: the artifact has no manifest, or it is damaged.
    """
    folder = epath.Path(folder)
    file = _manifest_file(folder)
    try:
        text = file.read_bytes().decode()
        values = json.loads(text)
        if text != _text(values["files"]):  # every byte counts, the checksum and the last line break too
            raise ValueError("its checksum is wrong")
        return tuple(ManifestFile(**entry) for entry in values["files"])
    except FileNotFoundError as error:
        raise ArtifactError(f"{folder} has no {MANIFEST_FILE}, so it is incomplete") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"{file} is damaged ({error})") from error


def discard_manifest(folder: epath.PathLike) -> None:
    """Removes the manifest of an artifact, which marks the artifact as incomplete."""
    _manifest_file(epath.Path(folder)).unlink()


def find_damage(folder: epath.PathLike, *, digests: Literal["none", "changed", "all"] = "changed") -> str | None:
    """Compares the names and sizes of an artifact's files, and their content, with its manifest.

    Args:
        folder: the artifact's folder.
        digests: the files to read: none, those whose time has changed (which is quick), or all.

    Returns:
        What is wrong, with the path of the file; `None` if the artifact is intact.
    """
    folder = epath.Path(folder)
    try:
        files = read_manifest(folder)
        found = {_name(folder, path): path for path in _content(folder)}
        for file in files:
            path = found.pop(file.name, None)
            if path is None:
                return f"{folder / file.name} is missing"
            size, mtime_ns = _size_and_time(path)
            if size != file.size:
                return f"{path} has {size:,} bytes instead of {file.size:,}"
            changed = mtime_ns is None or mtime_ns != file.mtime_ns
            read = digests == "all" or (digests == "changed" and changed)
            if read and file_sha256(path) != file.sha256:
                return f"the content of {path} has changed"
    except (ArtifactError, OSError) as error:
        return str(error)
    return f"{next(iter(found.values()))} does not belong to the artifact" if found else None


def refuse_content(folder: epath.PathLike) -> None:
    """Checks that the folder of a new artifact is empty.

    Raises:
        ArtifactError: the folder contains files.
    """
    folder = epath.Path(folder)
    if folder.is_dir() and (first := next(_content(folder), None)):
        raise ArtifactError(
            f"the folder of a new artifact already contains {first}; "
            "move it away, or name another --output, and run the command again"
        )


def _content(folder: epath.Path) -> Iterator[epath.Path]:
    manifest = folder / MANIFEST_FILE
    own = (manifest, unfinished_path(manifest))
    if folder.is_dir():  # in an object store, an artifact without files has no folder
        yield from (path for path in files_below(folder) if path not in own)


def _manifest_file(folder: epath.Path) -> epath.Path:
    inside = folder / MANIFEST_FILE
    return inside if inside.exists() else _beside(folder)


def _beside(folder: epath.Path) -> epath.Path:
    return folder.parent / f"{folder.name}.{MANIFEST_FILE}"


def _name(folder: epath.Path, path: epath.Path) -> str:
    return str(path.relative_to(folder).as_posix())


def _describe(folder: epath.Path, path: epath.Path) -> ManifestFile:
    size, mtime_ns = _size_and_time(path)
    records = _count_records(path, size) if _RECORD_FILE in path.name else None
    return ManifestFile(_name(folder, path), size, mtime_ns, file_sha256(path), records)


def _size_and_time(path: epath.Path) -> tuple[int, int | None]:
    if "://" in str(path):
        return int(path.stat().length), None
    stat = Path(path).stat()
    return stat.st_size, stat.st_mtime_ns


def _text(entries: list[dict[str, Any]]) -> str:
    return json.dumps({"files": entries, "sha256": _digest(entries)}, indent=1) + "\n"


def _digest(entries: list[dict[str, Any]]) -> str:
    return hashlib.sha256(json.dumps(entries, sort_keys=True).encode()).hexdigest()


def _count_records(path: epath.Path, size: int) -> int:
    """Counts the records of a file by their lengths, without reading their data."""
    count = position = 0
    with path.open("rb") as file:
        while position < size:
            file.seek(position)
            position += int.from_bytes(file.read(8), "little") + _RECORD_OVERHEAD
            count += 1
    if position != size:
        raise ArtifactError(f"{path} ends inside a record; run the command again")
    return count
