"""The bearer token of a user: where it is, and that it stays secret."""

from __future__ import annotations

import dataclasses
import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from pathlib import Path

_SHORTEST = 8
"""Characters; replacing a shorter token would only garble what a server says."""
_REPLACEMENT = "(the token)"


@dataclasses.dataclass(frozen=True)
class Token:
    """A token in a file, which is read again for each request, or given as text; without either there is none."""

    file: Path | None = None
    text: str | None = dataclasses.field(default=None, repr=False)

    def __bool__(self) -> bool:
        return self.file is not None or self.text is not None

    def removed_from(self, text: str) -> str:
        """Returns a server's text without the token, which a server may repeat."""
        try:
            token = self.file.read_text().strip() if self.file else self.text or ""
        except (OSError, UnicodeDecodeError):
            return text
        return text.replace(token, _REPLACEMENT) if len(token) >= _SHORTEST else text


def is_unencrypted(host: str) -> bool:
    """Returns whether requests to an address can be read on their way: `http` to another machine."""
    parts = urlsplit(host)
    name = parts.hostname or ""
    try:
        return parts.scheme == "http" and not ipaddress.ip_address(name).is_loopback
    except ValueError:
        return parts.scheme == "http" and name != "localhost" and not name.endswith(".localhost")
