"""Small pieces of Markdown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Returns a table; a line break in a cell becomes a space."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(_cell(cell) for cell in line)} |\n" for line in lines)


def code(text: str) -> str:
    """Returns a code span that may stand in a table."""
    return f"`{text}`" if text else ""


def block(text: str, language: str = "") -> str:
    """Returns a block of code whose fence is longer than those in the text."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{language}\n{text.rstrip()}\n{fence}\n"


def without_marks(text: str) -> str:
    """Returns a page without the marks for tests, `skip="…"`, in the first line of a block: MkDocs knows none."""
    return re.sub(r"^( *(?:```|~~~)\w*) skip=\"[^\"\n]*\"$", r"\1", text, flags=re.MULTILINE)


def _cell(text: str) -> str:
    """Escapes what has a meaning in a table, outside of code spans, in which it has none."""
    escaped = {"<": "&lt;", "|": "\\|"}
    return re.sub(r"`[^`]*`|[<|]", lambda found: escaped.get(found[0], found[0]), " ".join(text.split()))
