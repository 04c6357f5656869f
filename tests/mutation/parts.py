"""The parts of the project that are mutated, from pyproject.toml, and the shares of their mutants that tests notice."""

from __future__ import annotations

import collections
import dataclasses
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PROJECT = Path(__file__).parents[2]
FOUND = ("killed", "timeout", "segfault")
"""The statuses of mutants that the tests notice: a test fails, does not end, or the process dies."""


@dataclasses.dataclass(frozen=True)
class Part:
    """What is mutated together.

    Attributes:
        modules: files of Python, relative to the project.
        tests: files and folders of tests, which run on each of their mutants.
    """

    modules: tuple[str, ...]
    tests: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Share:
    """The mutants of a module.

    Attributes:
        module: the file, or a word for the sum of several.
        killed: the number of mutants that the tests notice.
        mutants: the number of all mutants.
    """

    module: str
    killed: int
    mutants: int

    def __str__(self) -> str:
        return f"{self.module:50} {self.killed:6} {self.mutants - self.killed:8} {100 * self.share:6.1f} %"

    @property
    def share(self) -> float:
        """The share of killed mutants, 0 to 1; 1 without mutants."""
        return self.killed / self.mutants if self.mutants else 1.0


def read_parts() -> dict[str, Part]:
    """Reads name → part."""
    tables = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["voc-seg"]["mutation"]
    return {name: Part(tuple(table["modules"]), tuple(table["tests"])) for name, table in tables.items()}


def chosen_modules(parts: Mapping[str, Part], words: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Returns part → the modules that words of the command line name; all modules without words.

    Args:
        parts: name → part.
        words: names of parts, files, or modules such as `components.training.losses`.

    Raises:
        ValueError: a word names neither.
    """
    chosen: dict[str, list[str]] = collections.defaultdict(list)
    for word in words or parts:
        file = word if word.endswith(".py") else f"{word.replace('.', '/')}.py"
        found = {name: part.modules if name == word else (file,) for name, part in parts.items()}
        found = {name: modules for name, modules in found.items() if name == word or file in parts[name].modules}
        if not found:
            raise ValueError(
                f"{word!r} is no part or module of [tool.voc-seg.mutation]; the parts are {', '.join(parts)}"
            )
        for name, modules in found.items():
            chosen[name] += [module for module in modules if module not in chosen[name]]
    return {name: tuple(modules) for name, modules in chosen.items()}


def shares_of(statuses: Mapping[str, Mapping[str, str]]) -> list[Share]:
    """Counts the mutants of each module.

    Args:
        statuses: module → mutant → mutmut's word for what happened.
    """
    return [
        Share(module, sum(status in FOUND for status in mutants.values()), len(mutants))
        for module, mutants in statuses.items()
    ]


def total(name: str, shares: Iterable[Share]) -> Share:
    """Adds up shares."""
    shares = list(shares)
    return Share(name, sum(share.killed for share in shares), sum(share.mutants for share in shares))
