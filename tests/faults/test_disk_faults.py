"""Commands with a fault at one of their file operations, see `disk_faults.c`, and then again without a fault."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.faults.disk_faults import KINDS

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable
    from pathlib import Path

    Campaign = Callable[..., Counter[str]]


@pytest.mark.parametrize("driver", ["publishing_driver", "small_driver"])
def test_some_faults_lose_nothing(run_campaign: Campaign, driver: str) -> None:
    assert set(run_campaign(driver, "1")) == set(KINDS)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("driver", "count", "least"),
    [
        ("publishing_driver", "0", 500),
        ("small_driver", "0", 2000),
        ("records_driver", "30", 150),  # the database's journal alone has hundreds of writes
        ("files_driver", "0", 200),
    ],
)
def test_every_fault_loses_nothing(run_campaign: Campaign, driver: str, count: str, least: int) -> None:
    assert run_campaign(driver, count).total() > least


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


def test_some_full_disks_lose_nothing(tmp_path: Path, record_faults: Callable[..., None]) -> None:
    full = _fill_disks(tmp_path, range(20, 320, 100))
    record_faults({"full disk": full})
    assert full == 3


@pytest.mark.slow
def test_full_disks_of_any_size_lose_nothing(tmp_path: Path, record_faults: Callable[..., None]) -> None:
    full = _fill_disks(tmp_path, range(4, 324, 4))
    record_faults({"full disk": full})
    assert full > 50
