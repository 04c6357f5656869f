"""Text from outside cannot steer the terminal."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfds_voc_seg.printable import printable, printable_line, without_logins


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("car", "car"),
        ("Zürich 雪 \N{SNOWMAN}", "Zürich 雪 \N{SNOWMAN}"),
        ("a\tb\r\nc", "a\tb\nc"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b[2J\x1b]0;title\x07", "\ufffd[2J\ufffd]0;title\ufffd"),
        ("done\rFAILED", "done\ufffdFAILED"),
        ("\x9b31m", "\ufffd31m"),
        ("photo\u202egnp.jpg", "photo\ufffdgnp.jpg"),
        ("name \udcff", "name \ufffd"),
    ],
)
def test_what_a_terminal_would_obey_is_replaced(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_a_line_stays_a_line() -> None:
    assert printable_line("a\nvocseg: b\u2028c\x85d") == "a\ufffdvocseg: b\ufffdc\ufffdd"


@given(st.text(st.characters() | st.characters(categories=["Cc", "Cs", "Cf"])))
def test_every_text_can_be_printed_and_stays_what_it_is(text: str) -> None:
    shown = printable(text)
    io.TextIOWrapper(io.BytesIO(), "utf-8").write(shown)
    assert printable(shown) == shown
    assert not any(character < " " or "\x7f" <= character < "\xa0" for character in shown if character not in "\n\t")
    assert len(printable_line(text).splitlines()) <= 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://host:5000/a", "http://host:5000/a"),
        ("at http://ann:secret@host:5000, twice", "at http://host:5000, twice"),
        ("http://token@host", "http://host"),
        ("http://ann:a/b@c@host/x", "http://host/x"),
        ("s3://bucket/a@b and ann@example.org", "s3://bucket/a@b and ann@example.org"),
    ],
)
def test_logins_are_removed_from_uris(text: str, shown: str) -> None:
    assert without_logins(text) == shown
