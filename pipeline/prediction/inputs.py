"""What a person names on the command line → the files it means, each with a name for its results."""

from __future__ import annotations

import collections
import dataclasses
import glob
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from pipeline.prediction.video.options import is_video

STDIN = "-"

_VIDEO_HEADS = ((4, b"ftyp", ".mp4"), (8, b"AVI ", ".avi"), (0, b"\x1aE\xdf\xa3", ".webm"), (0, b"GIF8", ".gif"))
"""Where in a file stands what, and the suffix that such files have."""
_PICTURE_BRANDS = (b"heic", b"heix", b"mif1", b"msf1", b"avif", b"avis")
"""What follows `ftyp` in files that are photos."""


@dataclasses.dataclass(frozen=True)
class Input:
    """A file to work on.

    Attributes:
        path: where it lies.
        shown: what it is called in messages.
        name: what its results are called, without a suffix; below the folder it was found in, with the folders between.
        is_video: whether it is a video.
    """

    path: Path
    shown: str
    name: str
    is_video: bool


@dataclasses.dataclass(frozen=True)
class Failure:
    """What could not be worked on: its name, and why, for people."""

    shown: str
    reason: str


def find_inputs(
    arguments: Sequence[str], output: Path, stdin: BinaryIO, scratch: Path
) -> tuple[list[Input], list[Failure]]:
    """Finds the files that the arguments mean, each once.

    Args:
        arguments: a file, a folder (all files in and below it that aren't hidden), a glob pattern, or `-`, each.
        output: where results go; what lies there is no input.
        stdin: what `-` means.
        scratch: a folder that outlives the work, for what came from `stdin`.

    Returns:
        The files, no two of the same name, and the arguments that mean none.
    """
    found: dict[Path, tuple[str, Path]] = {}
    failures: list[Failure] = []
    for argument in arguments:
        files = [*_files(argument, output.resolve(), stdin, scratch)]
        if not files:
            failures.append(Failure(argument, _why_none(argument)))
        for path, relative in files:
            shown = STDIN if argument == STDIN else str(path)
            found.setdefault(path.resolve(), (shown, relative))
    names = _names([(path, relative) for path, (_, relative) in found.items()])
    named = zip(found.items(), names, strict=True)
    return [Input(path, shown, name, is_video(path)) for (path, (shown, _)), name in named], failures


def _files(argument: str, output: Path, stdin: BinaryIO, scratch: Path) -> Iterator[tuple[Path, Path]]:
    """The files that an argument means, and what each is called before its name is made unique."""
    if argument == STDIN:
        path = _spooled(stdin, scratch)
        yield path, Path(path.name)
    elif Path(argument).is_dir():
        for path in sorted(Path(argument).rglob("*")):
            relative = path.relative_to(argument)
            hidden = any(part.startswith(".") for part in relative.parts)
            if path.is_file() and not hidden and not path.resolve().is_relative_to(output):
                yield path, relative
    elif Path(argument).exists():
        yield Path(argument), Path(Path(argument).name)
    else:
        for match in sorted(glob.glob(argument, recursive=True)):  # noqa: PTH207  (absolute patterns too)
            if Path(match).is_file():
                yield Path(match), Path(Path(match).name)


def _why_none(argument: str) -> str:
    if Path(argument).is_dir():
        return "holds no files"
    return "matches no file" if glob.has_magic(argument) else "is missing"


def _spooled(stdin: BinaryIO, scratch: Path) -> Path:
    """Copies what comes to a file whose suffix tells a video from a photo."""
    path = scratch / "stdin"
    if not path.exists():
        with path.open("wb") as file:
            shutil.copyfileobj(stdin, file)
    with path.open("rb") as file:
        head = file.read(12)
    for place, mark, suffix in _VIDEO_HEADS:
        if head[place : place + len(mark)] == mark and head[8:12] not in _PICTURE_BRANDS:
            return path.rename(path.with_suffix(suffix))
    return path


def _names(files: Sequence[tuple[Path, Path]]) -> list[str]:
    """A name for each file that no other has: its own, with its suffix and with folders where that takes it."""
    candidates = [[*_candidates(path, relative)] for path, relative in files]
    chosen = [0] * len(files)
    while True:
        names = [options[min(choice, len(options) - 1)] for options, choice in zip(candidates, chosen, strict=True)]
        count = collections.Counter(name.casefold() for name in names)
        clashing = [index for index, name in enumerate(names) if count[name.casefold()] > 1]
        if not clashing:
            return names
        for index in clashing:
            chosen[index] += 1
            if chosen[index] >= len(candidates[index]):
                candidates[index].append(f"{candidates[index][0]}_{index + 1}")


def _candidates(path: Path, relative: Path) -> Iterator[str]:
    yield str(relative.with_suffix(""))
    whole = f"{path.stem}_{path.suffix[1:]}" if path.suffix else path.stem
    for parents in range(len(path.parts) - 1):
        folders = path.parts[len(path.parts) - 1 - parents : -1]
        yield str(relative.with_name("_".join([*folders, whole])))
