"""Finds the files that the command line names, and gives each a unique name for its results."""

from __future__ import annotations

import collections
import dataclasses
import glob
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from pipeline.prediction.video.options import is_video
from tfds_voc_seg.storage import is_link_out_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

RESULT_FOLDERS = ("class_maps", "overlays", "probabilities", "shares", "videos")
"""The folders in the output folder."""

STDIN = "-"
"""The argument that means standard input."""

_VIDEO_SIGNATURES = ((4, b"ftyp", ".mp4"), (8, b"AVI ", ".avi"), (0, b"\x1aE\xdf\xa3", ".webm"), (0, b"GIF8", ".gif"))
"""Offset in the file, the bytes there, and the suffix of such files."""
_PHOTO_BRANDS = (b"heic", b"heix", b"mif1", b"msf1", b"avif", b"avis")
"""The bytes after `ftyp` in files that are photos (HEIF and AVIF)."""


@dataclasses.dataclass(frozen=True)
class Input:
    """An input file.

    Attributes:
        path: the file.
        display_name: its name in messages.
        name: the file name of its results, without a suffix; includes the folders below the folder argument.
        is_video: whether it is a video.
    """

    path: Path
    display_name: str
    name: str
    is_video: bool


@dataclasses.dataclass(frozen=True)
class Failure:
    """An input that failed.

    Attributes:
        display_name: its name in messages.
        reason: what went wrong, a sentence without its subject.
    """

    display_name: str
    reason: str


def find_inputs(
    arguments: Sequence[str], output: Path, stdin: BinaryIO, scratch: Path
) -> tuple[list[Input], list[Failure]]:
    """Finds the files that the arguments name, each file once.

    Args:
        arguments: files, folders (all files in them and in their subfolders except hidden ones), glob patterns, or `-`.
        output: the folder of the results. The files in its folders of results are not inputs, unless an argument is
            such a folder or in it.
        stdin: what `-` stands for.
        scratch: an existing folder that receives the content of `stdin`; it must exist until the input is processed.

    Returns:
        The files, with unique names; and the arguments that name no file, folders without access, and links that leave
        their folder.
    """
    found: dict[Path, tuple[str, Path]] = {}
    failures: list[Failure] = []
    for argument in arguments:
        before = len(failures)
        try:
            files = [*_files(argument, output.resolve(), stdin, scratch, failures)]
        except PermissionError as error:
            files = []
            failures.append(_no_access(error))
        if not files and len(failures) == before:
            failures.append(Failure(argument, _reason_for_no_files(argument)))
        for path, relative in files:
            display_name = STDIN if argument == STDIN else str(path)
            found.setdefault(path.resolve(), (display_name, relative))
    names = _unique_names([(path, relative) for path, (_, relative) in found.items()])
    inputs = [
        Input(path, display_name, name, is_video(path))
        for (path, (display_name, _)), name in zip(found.items(), names, strict=True)
    ]
    return inputs, failures


def _files(
    argument: str, output: Path, stdin: BinaryIO, scratch: Path, failures: list[Failure]
) -> Iterator[tuple[Path, Path]]:
    """Yields the files that an argument names, each with the path that its result's name is derived from.

    Appends the folders without access, and the links that leave a folder, to `failures`.
    """
    if argument == STDIN:
        path = _saved_stdin(stdin, scratch)
        yield path, Path(path.name)
    elif Path(argument).is_dir():
        folder = Path(argument)
        for path in sorted(_paths_below(folder, failures)):
            relative = path.relative_to(folder)
            hidden = any(part.startswith(".") for part in relative.parts)
            if not path.is_file() or hidden or _is_result(path, output, folder):
                continue
            if is_link_out_of(path, folder):
                reason = f"is a link to a file outside of {folder}: name the file itself to use it"
                failures.append(Failure(str(path), reason))
            else:
                yield path, relative
    elif Path(argument).exists():
        yield Path(argument), Path(Path(argument).name)
    else:
        for match in sorted(glob.glob(argument, recursive=True)):  # noqa: PTH207  (Path.glob takes no absolute pattern)
            if Path(match).is_file():
                yield Path(match), Path(Path(match).name)


def _paths_below(folder: Path, failures: list[Failure]) -> Iterator[Path]:
    for root, _, names in os.walk(folder, onerror=lambda error: failures.append(_no_access(error))):
        yield from (Path(root, name) for name in names)


def _no_access(error: OSError) -> Failure:
    return Failure(str(error.filename), f"cannot be opened ({error.strerror}): allow access to it")


def _is_result(path: Path, output: Path, argument: Path) -> bool:
    """Returns whether a file is in one of the folders of results, but the argument is not such a folder or in it."""
    resolved = path.resolve()
    folder = output / (resolved.relative_to(output).parts[0] if resolved.is_relative_to(output) else ".")
    return folder.name in RESULT_FOLDERS and folder != output and not argument.resolve().is_relative_to(folder)


def _reason_for_no_files(argument: str) -> str:
    if Path(argument).is_dir():
        return "contains no files"
    return "matches no file" if glob.has_magic(argument) else "does not exist"


def _saved_stdin(stdin: BinaryIO, scratch: Path) -> Path:
    """Saves standard input to a file; the file of a video gets a video's suffix."""
    path = scratch / "stdin"
    if not path.exists():
        with path.open("wb") as file:
            shutil.copyfileobj(stdin, file)
    with path.open("rb") as file:
        head = file.read(12)
    for offset, signature, suffix in _VIDEO_SIGNATURES:
        if head[offset : offset + len(signature)] == signature and head[8:12] not in _PHOTO_BRANDS:
            return path.rename(path.with_suffix(suffix))
    return path


def _unique_names(files: Sequence[tuple[Path, Path]]) -> list[str]:
    """Returns a unique name per file: without suffix if possible, else with the suffix, else with parent folders too.

    Names that differ only in upper and lower case count as equal, for file systems that ignore case.
    """
    candidates = [[*_candidate_names(path, relative)] for path, relative in files]
    chosen = [0] * len(files)
    while True:
        names = [options[min(choice, len(options) - 1)] for options, choice in zip(candidates, chosen, strict=True)]
        count = collections.Counter(name.casefold() for name in names)
        duplicates = [index for index, name in enumerate(names) if count[name.casefold()] > 1]
        if not duplicates:
            return names
        for index in duplicates:
            chosen[index] += 1
            if chosen[index] >= len(candidates[index]):
                candidates[index].append(f"{candidates[index][0]}_{index + 1}")


def _candidate_names(path: Path, relative: Path) -> Iterator[str]:
    yield str(relative.with_suffix(""))
    name = f"{path.stem}_{path.suffix[1:]}" if path.suffix else path.stem
    for parents in range(len(path.parts) - 1):
        folders = path.parts[len(path.parts) - 1 - parents : -1]
        yield str(relative.with_name("_".join([*folders, name])))
