"""Every test file is run: those with slow tests belong to a part of `make test-slow`, and no two have one name."""

from __future__ import annotations

import collections
import re
from pathlib import Path

PROJECT = Path(__file__).parents[1]


def test_every_slow_test_belongs_to_one_part() -> None:
    makefile = (PROJECT / "Makefile").read_text().replace("\\\n", "")
    listed = re.search(r"^SLOW_PARTS := (.+)$", makefile, re.MULTILINE)
    assert listed
    parts = {name: paths.split() for name, paths in re.findall(r"^slow-(\w+) := (.+)$", makefile, re.MULTILINE)}
    assert sorted(parts) == sorted(listed[1].split())
    assert [path for paths in parts.values() for path in paths if not (PROJECT / path).exists()] == []
    slow = [
        str(file.relative_to(PROJECT))
        for file in sorted((PROJECT / "tests").rglob("test_*.py"))
        if file != Path(__file__) and re.search(r"\bmark\.slow\b", file.read_text())
    ]
    owners = {
        file: [name for name, paths in parts.items() if any(f"{file}/".startswith(f"{path}/") for path in paths)]
        for file in slow
    }
    assert {file: names for file, names in owners.items() if len(names) != 1} == {}


def test_the_names_of_test_files_are_unique() -> None:
    """pytest imports a test file by its name alone, and refuses a second one."""
    names = collections.Counter(file.name for file in (PROJECT / "tests").rglob("test_*.py"))
    assert [name for name, number in names.items() if number > 1] == []
