"""Commands with a fault at one of their file operations, see `disk_faults.c`, and then again without a fault."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.faults.disk_faults import KINDS, compile_library, run_module

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_library(tmp_path_factory.mktemp("disk_faults"))


def _campaign(module: str, library: Path, folder: Path, count: int, seed: int) -> dict[str, int]:
    """Runs a campaign; returns the number of faults by scenario and kind."""
    result: dict[str, Any] = json.loads(run_module(module, str(folder), str(count), str(seed), library=library))
    faults: dict[str, int] = result["faults"]
    print(f"{module}, seed {seed}: {sum(faults.values())} faults {faults}")  # noqa: T201
    assert result["violations"] == []
    return faults


def test_some_faults_while_publishing_lose_nothing(library: Path, tmp_path: Path) -> None:
    faults = _campaign("tests.faults.publishing_driver", library, tmp_path, count=1, seed=random.randrange(1000))
    assert {key.split(", ")[1] for key in faults} == set(KINDS)


@pytest.mark.slow
def test_every_fault_while_publishing_loses_nothing(library: Path, tmp_path: Path) -> None:
    assert sum(_campaign("tests.faults.publishing_driver", library, tmp_path, count=0, seed=0).values()) > 1000


def _fill_disks(folder: Path, sizes: range) -> int:
    """Pushes to small disks; returns how many were too small."""
    own_mounts = [shutil.which("unshare") or "unshare", "--mount"]
    if (
        not shutil.which("unshare")
        or subprocess.run([*own_mounts, "true"], check=False, capture_output=True).returncode
    ):
        pytest.skip("small disks are mounted in a namespace of their own, which needs `unshare` and root")
    driver = [sys.executable, "-m", "tests.faults.full_disk_driver", str(folder / "disk"), *map(str, sizes)]
    answer = subprocess.run([*own_mounts, *driver], check=True, capture_output=True, text=True)
    result = json.loads(answer.stdout)
    assert result["violations"] == []
    return int(result["full"])


def test_some_full_disks_lose_nothing(tmp_path: Path) -> None:
    assert _fill_disks(tmp_path, range(20, 320, 100)) == 3


@pytest.mark.slow
def test_full_disks_of_any_size_lose_nothing(tmp_path: Path) -> None:
    assert _fill_disks(tmp_path, range(4, 324, 4)) > 50
