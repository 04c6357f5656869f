"""What a console prints of names and texts from outside."""

from __future__ import annotations

import io

import pytest
from rich.table import Table
from rich.text import Text

from pipeline.display.console import PrintableConsole
from pipeline.display.live import Display


def _console(**options: bool) -> PrintableConsole:
    return PrintableConsole(file=io.StringIO(), width=60, highlight=False, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("make", [str, Text])
def test_texts_and_cells_hold_no_control_characters(make: type) -> None:
    console = _console()
    table = Table("name", "more")
    table.add_row(make("a\x1b]0;t\x07\x9b\u202e"), "z")
    console.print(table)
    console.print(make("b\x1bc\rd"), soft_wrap=True)
    printed = console.file.getvalue()  # type: ignore[attr-defined]
    assert not {"\x1b", "\x07", "\x9b", "\u202e", "\r"} & set(printed)
    assert "b\ufffdc" in printed
    rows = printed.splitlines()
    assert len(set(map(len, rows[:5]))) == 1 or make is Text  # a text is measured before it is cleaned


def test_colours_and_bars_of_rich_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")  # a dumb terminal, as in some containers, has no colours
    console = _console(force_terminal=True)
    display = Display(console)
    with display.busy("x\x1b[2Jy"):
        display.print("[red]a[/]\x1b[2J")
    printed = console.file.getvalue()  # type: ignore[attr-defined]
    assert "\x1b[31ma\x1b[0m\ufffd[2J" in printed
    assert "\x1b[2J" not in printed
