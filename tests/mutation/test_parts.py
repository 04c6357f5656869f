"""What `make mutation` mutates exists, the command line chooses from it, and shares are counted, without mutmut."""

from __future__ import annotations

import pytest
import yaml

from tests.mutation.parts import PROJECT, Share, chosen_modules, read_parts, shares_of, total

LOSSES = "components/training/losses.py"


def test_the_parts_name_modules_and_tests_that_exist() -> None:
    parts = read_parts()
    assert list(parts) == ["encoding", "decoding", "counts", "losses", "selection", "publishing"]
    modules = [module for part in parts.values() for module in part.modules]
    assert len(modules) == len(set(modules))
    assert [name for name in modules if not (PROJECT / name).is_file()] == []
    assert [name for part in parts.values() for name in part.tests if not (PROJECT / name).exists()] == []


def test_every_part_is_mutated_at_night() -> None:
    jobs = yaml.safe_load((PROJECT / ".github/workflows/slow.yml").read_text())["jobs"]
    assert jobs["mutation"]["strategy"]["matrix"]["part"] == list(read_parts())


def test_parts_and_modules_are_chosen_by_name() -> None:
    parts = read_parts()
    assert chosen_modules(parts, []) == {name: part.modules for name, part in parts.items()}
    assert chosen_modules(parts, ["counts"]) == {"counts": parts["counts"].modules}
    assert chosen_modules(parts, ["components.training.losses", LOSSES]) == {"losses": (LOSSES,)}
    both = chosen_modules(parts, [LOSSES, "losses", "selection"])
    assert both == {"losses": parts["losses"].modules, "selection": parts["selection"].modules}
    with pytest.raises(
        ValueError, match=r"'loses' is no part or module of .*; the parts are encoding, decoding, counts"
    ):
        chosen_modules(parts, ["loses"])


def test_shares_count_what_the_tests_notice() -> None:
    statuses = {
        "a.py": {"1": "killed", "2": "timeout", "3": "segfault", "4": "survived", "5": "no tests"},
        "b.py": {"1": "suspicious"},
    }
    shares = shares_of(statuses)
    assert shares == [Share("a.py", 3, 5), Share("b.py", 0, 1)]
    everything = total("all", shares)
    assert (everything, everything.share) == (Share("all", 3, 6), 0.5)
    assert str(shares[0]).split() == ["a.py", "3", "2", "60.0", "%"]
    assert total("none", []).share == 1.0
