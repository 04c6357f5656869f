"""The page of the presets, from their files."""

from __future__ import annotations

import re
from importlib import resources

from docs_generator.markdown import block
from pipeline.config.loading import preset_names

_INTRODUCTION = """# Presets

`vocseg run --preset NAME` takes one of these names, or a file of yours. Each section is a file of `pipeline/presets`;
its comment says what it needs and what was measured.
"""


def presets_page() -> str:
    """Returns the page as Markdown: a section per preset, with the command, the comment and the settings."""
    folder = resources.files("pipeline.presets")
    return "\n".join(
        [_INTRODUCTION, *(_section(name, (folder / f"{name}.yaml").read_text()) for name in preset_names())]
    )


def _section(name: str, text: str) -> str:
    comment = re.match(r"(?:#.*\n)+", text)
    head = comment[0] if comment else ""
    command, *lines = (line.removeprefix("#").removeprefix(" ") for line in head.splitlines())
    prose = re.sub(r"\n(Needs|Result|Measured)", r"\n\n\1", "\n".join(lines).strip())
    prose = re.sub(r"^(?: +--.*\n?)+", _options, prose, flags=re.MULTILINE)
    return "\n".join([f"## {name}\n", block(command, "bash"), f"{prose}\n", block(text.removeprefix(head), "yaml")])


def _options(lines: re.Match[str]) -> str:
    """Returns consecutive lines of options as one code block."""
    return "\n{}\n".format("".join(f"    {line.strip()}\n" for line in lines[0].splitlines()))
