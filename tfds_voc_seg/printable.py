"""Makes text that comes from files, file names, servers or settings safe to print on a terminal."""

from __future__ import annotations

import re
import unicodedata

_COLOURS = re.compile(r"\x1b\[[0-9;:]*m")
_LOGIN = re.compile(r"(?<=://)(?:[^/\s@]*:\S*|[^/\s@]+)@")
"""`user:password@` or `token@` in a URI. A password may contain slashes and further @."""
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_KEPT = "\n\t"
_DIRECTIONS = {*range(0x202A, 0x202F), *range(0x2066, 0x206A)}
"""Characters that change the direction of the text after them, so that a line can look like another one."""


def printable(text: str) -> str:
    """Replaces what a terminal obeys or a stream refuses; line breaks and tabs stay.

    Colours, as logs contain them, are removed. Other control characters, marks of the direction of writing and the
    undecodable bytes of file names (surrogates) become U+FFFD.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_safe, _COLOURS.sub("", text.replace("\r\n", "\n"))))


def printable_line(text: str) -> str:
    """Returns a text as `printable` does, in one line: line breaks become U+FFFD, too."""
    return re.sub(r"[\n\u2028\u2029]", _REPLACEMENT, printable(text))


def without_logins(text: str) -> str:
    """Removes users, passwords and tokens from the URIs in a text: `https://user:password@host` → `https://host`."""
    return _LOGIN.sub("", text)


def _safe(character: str) -> str:
    if character in _KEPT or (
        unicodedata.category(character) not in ("Cc", "Cs") and ord(character) not in _DIRECTIONS
    ):
        return character
    return _REPLACEMENT
