"""Parses the pages of reports for tests."""

from __future__ import annotations

import re
from html.parser import HTMLParser

VOID_ELEMENTS = {"meta", "link", "img", "br", "hr", "input"}


class Page(HTMLParser):
    """Parses a page: fails if its elements are not balanced, and collects what the tests need."""

    def __init__(self, text: str):
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.references: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.headings: list[int] = []
        self.resources: list[str] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag not in VOID_ELEMENTS:
            self.open.append(tag)
        if values.get("id"):
            self.ids.append(str(values["id"]))
        self.references += str(values.get("aria-labelledby") or "").split()
        if (values.get("href") or "").startswith("#"):
            self.references.append(str(values["href"])[1:])
        if tag == "img":
            self.images.append(values)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        self.resources += [
            str(values[name]) for name in ("src", "href", "srcset", "data", "action") if values.get(name)
        ]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID_ELEMENTS:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    @property
    def words(self) -> str:
        """The text of the page, with single spaces."""
        return " ".join("".join(self.text).split())
