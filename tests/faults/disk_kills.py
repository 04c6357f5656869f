"""Kills a command inside a test process: nothing that it does afterwards reaches the disk."""

from __future__ import annotations

import contextlib
import functools
import sys
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_FILE_OPERATIONS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.listdir", "os.scandir", "os.utime")


class KilledError(BaseException):
    """As after SIGKILL, nothing can be written any more: each later file operation raises it again."""


class _DiskKills:
    """Raises `KilledError` at the n-th file operation of this thread, and at every later one."""

    def __init__(self) -> None:
        self._left: int | None = None
        self._thread = 0
        sys.addaudithook(self._hook)

    @contextlib.contextmanager
    def at(self, number: int) -> Iterator[None]:
        self._left, self._thread = number, threading.get_ident()
        try:
            yield
        finally:
            self._left = None

    def _hook(self, event: str, _: Any) -> None:
        if self._left is not None and event in _FILE_OPERATIONS and threading.get_ident() == self._thread:
            self._left -= 1
            if self._left <= 0:
                raise KilledError


@functools.cache
def _kills() -> _DiskKills:
    return _DiskKills()  # one for good: Python cannot remove an audit hook


def killed_at(number: int) -> contextlib.AbstractContextManager[None]:
    """Kills what happens inside the `with` block at its n-th file operation."""
    return _kills().at(number)
