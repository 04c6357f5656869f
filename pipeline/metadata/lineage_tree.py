"""Draws a model's lineage for a terminal."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.text import Text
from rich.tree import Tree

from pipeline.metadata.lineage import DEVKIT

if TYPE_CHECKING:
    from pipeline.metadata.lineage import Origin

_HASH = re.compile(r"\b[0-9a-f]{64}\b")


def lineage_tree(origin: Origin) -> Tree:
    """Returns a tree in which the inputs of an artifact are its branches. Hashes are shortened to 16 digits."""
    tree = Tree(_label(origin), guide_style="dim")
    _add_inputs(tree, origin)
    return tree


def _add_inputs(branch: Tree, origin: Origin) -> None:
    for source in origin.inputs:
        _add_inputs(branch.add(_label(source)), source)


def _label(origin: Origin) -> Group:
    heading = Text(origin.artifact, "bold")
    if origin.role and origin.role not in (DEVKIT, origin.artifact.lower()):
        heading.append(f" ({origin.role})", "not bold")
    if origin.made:
        heading.append(f"  {origin.made:%Y-%m-%d %H:%M}", "not bold")
    if origin.node:
        heading.append(f"  by {origin.node}", "not bold cyan")
    if origin.shown_above:
        heading.append("  shown above", "not bold dim")
        return Group(heading)
    texts = {name: _text(value) for name, value in (origin.properties | origin.parameters).items()}
    lines = [Text(f"{name}: {_HASH.sub(_shortened, text)}") for name, text in texts.items() if text]
    return Group(heading, Text(origin.uri, "dim", overflow="fold"), *lines)


def _shortened(fingerprint: re.Match[str]) -> str:
    return f"{fingerprint[0][:16]}…"


def _text(value: Any) -> str:
    """Formats a value on one line; omits the empty values of a mapping."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {_text(inner)}" for key, inner in value.items() if inner not in (None, {}, []))
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    return str(value)
