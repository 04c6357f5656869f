"""The project's Markdown pages: their blocks of code, and the commands in them."""

from __future__ import annotations

import dataclasses
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from markdown_it import MarkdownIt

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).parents[2]

PAGES = [
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "kubeflow/README.md",
    "tfds_voc_seg/README.md",
    *(f"docs/{file.name}" for file in sorted((PROJECT / "docs").glob("*.md"))),
]

SHELLS = ("", "bash")
"""The languages of blocks with commands; a block that is indented has no language."""

_SKIP = re.compile(r'skip="([^"]+)"')
_OPERATORS = ("|", "<", ">", "&", ";", "&&")


@dataclasses.dataclass(frozen=True)
class Block:
    """A block of code.

    Attributes:
        page: the page's file, relative to the project's folder.
        line: the line at which it begins, from 1.
        language: the first word of its info string; empty for an indented block.
        skip: why no test runs it, from `skip="…"` in its info string; empty if one does.
        text: the code.
    """

    page: str
    line: int
    language: str
    skip: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks_of(page: str, text: str | None = None) -> list[Block]:
    """Returns the blocks of code of a page, in its order."""
    text = (PROJECT / page).read_text() if text is None else text
    found = []
    for token in MarkdownIt().parse(text):
        if token.type in ("fence", "code_block") and token.map:
            skip = _SKIP.search(token.info)
            language = token.info.partition(" ")[0]
            found.append(Block(page, token.map[0] + 1, language, skip[1] if skip else "", token.content))
    return found


def code_spans(page: str) -> list[str]:
    """Returns the texts of the code spans of a page."""
    tokens = MarkdownIt().enable("table").parse((PROJECT / page).read_text())
    inline = [child for token in tokens for child in token.children or ()]
    return [token.content for token in inline if token.type == "code_inline"]


def commands_of(block: Block) -> Iterator[list[str]]:
    """Yields the words of each command in a block, without variables before it and what follows a shell's operator.

    Signs of a synopsis are left out: `…`, and the brackets of `[--option …]`.
    """
    lines = block.text.replace("\\\n", " ").splitlines()
    while lines:
        command = lines.pop(0)
        while command.count("'") % 2 and lines:  # a quoted value of several lines
            command += f"\n{lines.pop(0)}"
        words = shlex.split(re.sub(r"^\w+=\$\(", "", command), comments=True)  # digest=$(docker …)
        while words and re.match(r"\w+=", words[0]):
            del words[0]
        end = next((position for position, word in enumerate(words) if word in _OPERATORS), len(words))
        plain = [re.sub(r"^\[(?=-)|(?<=…)\]$", "", word) for word in words[:end]]
        if plain := [word for word in plain if word != "…" or plain[plain.index(word) - 1].startswith("--")]:
            yield plain
