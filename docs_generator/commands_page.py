"""The page of all commands and options, from the parsers of `vocseg`."""

from __future__ import annotations

import argparse
import re
import textwrap
from typing import TYPE_CHECKING, Any

from docs_generator.markdown import block, code, table

if TYPE_CHECKING:
    from collections.abc import Iterator

_INTRODUCTION = """# Commands

`vocseg --help` and `vocseg COMMAND --help` print the same. The exit status is 0 for success, 1 for failure, 2 for wrong
arguments or an invalid configuration, 130 after an interruption, and 141 if the program that reads the output ended
first, as in `vocseg COMMAND | head`.
"""


def commands_page(parser: argparse.ArgumentParser) -> str:
    """Returns the page as Markdown: a section per command, with a table of its options.

    Args:
        parser: the parser of the whole program.
    """
    sections = [_section(command) for command in commands_of(parser) if not subcommands_of(command)]
    return "\n".join([_INTRODUCTION, *sections])


def commands_of(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Yields the parsers of all commands and groups of commands below a parser, in the order of the help text."""
    for command in subcommands_of(parser).values():
        yield command
        yield from commands_of(command)


def options_of(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """Returns the arguments and options of a command, without `--help` and subcommands."""
    return [
        action
        for action in parser._actions  # noqa: SLF001 (argparse has no public list of them)
        if not isinstance(action, argparse._HelpAction | argparse._SubParsersAction)  # noqa: SLF001
        and action.help != argparse.SUPPRESS
    ]


def subcommands_of(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Returns name → parser of the commands directly below a parser."""
    choices: dict[str, argparse.ArgumentParser] = {}
    for action in parser._actions:  # noqa: SLF001
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            choices |= action.choices
    return choices


def _section(parser: argparse.ArgumentParser) -> str:
    usage = textwrap.fill(
        " ".join(parser.format_usage().removeprefix("usage: ").split()),
        width=80,
        subsequent_indent="    ",
        break_on_hyphens=False,
    )
    rows = [(_name(action), *_meaning_and_default(action, parser)) for action in options_of(parser)]
    parts = [f"## {parser.prog}\n", f"{parser.description or ''}\n", block(usage, "text")]
    if rows:
        parts.append(table(("argument", "meaning", "default"), rows))
    return "\n".join(part for part in parts if part.strip())


def _name(action: argparse.Action) -> str:
    value = action.metavar or ("" if action.nargs == 0 else action.dest.upper())
    if action.choices is not None and action.metavar is None:
        value = "{" + ",".join(map(str, action.choices)) + "}"
    value = " ".join(value) if isinstance(value, tuple) else value
    if not action.option_strings:
        return code(value if action.nargs not in ("*", "+") else f"{value} …")
    return ", ".join(code(f"{option} {value}".strip()) for option in action.option_strings)


def _meaning_and_default(action: argparse.Action, parser: argparse.ArgumentParser) -> tuple[str, str]:
    """Splits the help text before its `(default: …)`; without one, the parser's own default is taken."""
    values: dict[str, Any] = {**vars(action), "prog": parser.prog}
    found = re.fullmatch(r"(.*?)(?: \(default: (.+)\))?", (action.help or "") % values, re.DOTALL)
    assert found
    meaning, default = found.groups()
    if action.required and action.option_strings:
        meaning += " (required)"
    unset = action.default is None or isinstance(action.default, bool) or action.default in ([], (), argparse.SUPPRESS)
    return meaning, default or ("" if unset or "(default:" in meaning else str(action.default))
