from __future__ import annotations

import argparse

import pytest

from docs_generator.commands_page import commands_of, commands_page, options_of
from pipeline.cli import command_parser


@pytest.fixture
def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tool")
    command = parser.add_subparsers().add_parser("make", description="Make a thing.")
    command.add_argument("parts", nargs="+", metavar="PART", help="a part")
    command.add_argument("--colour", choices=["red", "blue"], default="red", help="the colour of <it>")
    command.add_argument("--size", type=int, required=True, metavar="N|M", help="in metres (default: 3, as always)")
    command.add_argument("--secret", help=argparse.SUPPRESS)
    return parser


def test_a_section_has_description_usage_and_options(parser: argparse.ArgumentParser) -> None:
    page = commands_page(parser)
    assert "## tool make\n\nMake a thing.\n" in page
    assert "| `PART …` | a part |  |\n" in page
    assert "| `--colour {red,blue}` | the colour of &lt;it> | red |\n" in page
    assert "| `--size N|M` | in metres (required) | 3, as always |\n" in page
    assert "| `--secret" not in page


def test_every_command_and_option_is_on_the_page() -> None:
    page = commands_page(command_parser())
    commands = list(commands_of(command_parser()))
    assert {"vocseg run", "vocseg data import", "vocseg kubeflow recurring create"} <= {item.prog for item in commands}
    for command in commands:
        section = page.partition(f"## {command.prog}\n")[2].partition("\n## ")[0]
        for action in options_of(command):
            assert all(f"`{option}" in section for option in action.option_strings), (command.prog, action.dest)
