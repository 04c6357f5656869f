"""Runs the blocks of a page, in order, as a reader would: in one folder, with the project's commands on PATH."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.docs.pages import PROJECT, SHELLS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.docs.pages import Block


class PageRunError(AssertionError):
    """A block failed, or printed something else than the page says."""


def run_blocks(blocks: Iterable[Block], folder: Path) -> None:
    """Writes, runs and compares the blocks of a page.

    Code whose first line is a comment with a file's name is written to that file. Other Python code and commands are
    run. A block of text is what the last of them must have printed. Blocks with a reason to skip them are left out, and
    so are YAML settings without a file.

    Raises:
        PageRunError: a command failed or printed something else; the message names page and line.
    """
    printed = ""
    for block in blocks:
        name = re.match(r"# ([\w./-]+\.\w+)\n", block.text)
        if block.skip or (block.language == "yaml" and not name):
            continue
        if name:
            (folder / name[1]).write_text(block.text)
        elif block.language == "text":
            if missing := missing_lines(block.text, printed):
                raise PageRunError(f"{block}: not printed: {missing}\nprinted:\n{printed}")
        elif block.language == "python":
            printed = _run([sys.executable, "-c", block.text], folder, block)
        elif block.language in SHELLS:
            printed = _run(["bash", "-euo", "pipefail", "-c", block.text], folder, block)


def missing_lines(expected: str, printed: str) -> list[str]:
    """Returns the expected lines that were not printed; numbers and spaces do not count, and `…` is any text."""
    lines = [_normalised(line) for line in ["", *printed.splitlines()]]
    return [line for line in expected.splitlines() if not any(_pattern(line).fullmatch(found) for found in lines)]


def _pattern(line: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in _normalised(line).split("…")))


def _normalised(line: str) -> str:
    return re.sub(r"[\s─━]+", " ", re.sub(r"\d[\d,]*(?:\.\d+)?", "0", line)).strip()


def _run(command: list[str], folder: Path, block: Block) -> str:
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(PROJECT),
        "COLUMNS": "120",
    }
    finished = subprocess.run(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if finished.returncode:
        raise PageRunError(f"{block}: exit status {finished.returncode}\n{block.text}\n{finished.stdout[-5000:]}")
    return finished.stdout
