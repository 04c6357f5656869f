"""Every file with slow tests belongs to a part of `make test-slow`; otherwise nothing would run them."""

from __future__ import annotations

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
