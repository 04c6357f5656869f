"""Every command on the pages is one that the project's parsers accept, or is of a program of others."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from typing import TYPE_CHECKING

import pytest

from docs_generator.commands_page import options_of, subcommands_of
from pipeline.cli import command_parser
from tests.docs.pages import PAGES, PROJECT, SHELLS, Block, blocks_of, code_spans, commands_of
from tests.docs.setting_keys import is_setting

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

MAKEFILE = (PROJECT / "Makefile").read_text()
EXTRAS = set(tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["optional-dependencies"])
PROGRAMS_OF_OTHERS = {
    "cd",
    "curl",
    "dask",
    "docker",
    "export",
    "git",
    "kind",
    "kubectl",
    "minikube",
    "mkdir",
    "mlflow",
    "sed",
}
"""Their options are not checked here."""

DRAWINGS = {"docs/data.md": 1}
"""Blocks that are no commands, such as the tree of a folder: page → their number."""


def problem_of(words: Sequence[str]) -> str:
    """Returns why a command is wrong; an empty text if it is right."""
    program, *rest = words
    match program.removeprefix(".venv/bin/"):
        case "vocseg":
            return _vocseg_problem(rest)
        case "make":
            return _make_problem(rest)
        case "pip" | "uv":
            return _extras_problem(rest)
        case "python" if rest[:1] == ["-m"]:
            return "" if importlib.util.find_spec(rest[1]) else f"no module {rest[1]}"
        case "python":
            return ""
        case name if name in PROGRAMS_OF_OTHERS:
            return ""
    return "" if (PROJECT / program).is_file() else f"unknown program {program}"


def _vocseg_problem(arguments: Sequence[str]) -> str:
    try:
        options = command_parser().parse_args(arguments)
    except SystemExit as stop:
        return "" if stop.code == 0 else "the parser refuses it"
    keys = [override.partition("=")[0] for override in getattr(options, "overrides", ())]
    unknown = [key for key in keys if not is_setting(key)]
    return f"unknown settings {unknown}" if unknown else ""


def _make_problem(words: Sequence[str]) -> str:
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    (parts,) = re.findall(r"^SLOW_PARTS := (.+)$", MAKEFILE, re.MULTILINE)
    targets |= {f"test-slow-{part}" for part in [*parts.split(), "PART"]}
    for word in words:
        name, equals, value = word.partition("=")
        if equals and f"$({name})" not in MAKEFILE:
            return f"the Makefile has no variable {name}"
        if not equals and name not in targets:
            return f"the Makefile has no target {name}"
        if name == "ARGS" and words[0] == "run":
            return _vocseg_problem(["run", *value.split()])
    return ""


def _extras_problem(words: Sequence[str]) -> str:
    named = ",".join(extras for word in words for extras in re.findall(r"^(?:voc-seg|\.)\[(.+)\]$", word))
    unknown = set(named.split(",")) - EXTRAS - {""}
    return f"unknown extras {unknown}" if unknown else ""


@pytest.mark.parametrize("page", PAGES)
def test_every_command_is_right(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    blocks = [block for block in blocks_of(page) if block.language in SHELLS][DRAWINGS.get(page, 0) :]
    problems = [
        f"{block}: {' '.join(words)}: {problem}"
        for block in blocks
        for words in commands_of(block)
        if (problem := problem_of(words))
    ]
    assert problems == [], capsys.readouterr().err


def command_named(
    parser: argparse.ArgumentParser, words: Sequence[str]
) -> tuple[argparse.ArgumentParser, Sequence[str]]:
    """Returns the parser of the command that begins with these words, and the words after its name."""
    while words and words[0] in subcommands_of(parser):
        parser, words = subcommands_of(parser)[words[0]], words[1:]
    return parser, words


@pytest.mark.parametrize("page", PAGES)
def test_every_command_in_the_text_exists(page: str) -> None:
    """Commands in running text may lack arguments: the names of command and options are checked."""
    for span in code_spans(page):
        words = span.split()
        if words[:1] == ["make"] and len(words) > 1:
            assert _make_problem([words[1]]) == "", span
        if words[:1] == ["vocseg"]:
            command, rest = command_named(command_parser(), words[1:])
            known = {"--help", *(option for action in options_of(command) for option in action.option_strings)}
            assert {word.partition("=")[0] for word in rest if word.startswith("--")} <= known, span
            assert not (rest and rest[0].isidentifier() and subcommands_of(command)), f"no such command: {span}"


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("vocseg run --set training.epochs=3 --output DIR", ""),
        ("vocseg run --set training.epoch=3", "unknown settings ['training.epoch']"),
        ("vocseg run --set candidates.mine.options.width=3", ""),
        ("vocseg runs", "the parser refuses it"),
        ("vocseg predict MODEL INPUT", "the parser refuses it"),
        ("A=1 make run ARGS='--set training.epochs=5' | less", ""),
        ("make runs", "the Makefile has no target runs"),
        ("make bench DEVKITS=DIR", "the Makefile has no variable DEVKITS"),
        ("pip install 'voc-seg[predicts]'", "unknown extras {'predicts'}"),
        ("python -m benchmarks.no_such", "no module benchmarks.no_such"),
        ("nosuchprogram x", "unknown program nosuchprogram"),
        ("vocseg data import folders SOURCE DEVKIT [--classes …]", ""),
    ],
)
def test_wrong_commands_are_found(command: str, problem: str) -> None:
    (words,) = commands_of(Block("page.md", 1, "bash", "", command))
    assert problem_of(words) == problem


def test_blocks_and_their_marks_are_found() -> None:
    text = 'a\n\n    indented\n\n1. b\n\n    ```bash skip="needs a cluster"\n    one \\\n      two\n    ```\n'
    first, second = blocks_of("page.md", text)
    assert (first.language, first.skip, first.line, first.text) == ("", "", 3, "indented\n")
    assert (second.language, second.skip, list(commands_of(second))) == ("bash", "needs a cluster", [["one", "two"]])
