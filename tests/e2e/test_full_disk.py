"""Whole runs whose output folder is on a small disk: one sentence names the file and the cure, and no run is lost."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.run_workspace import Workspace

SCRIPT = """
disk=$1 size=$2; shift 2
mount -t tmpfs -o size="$size" none "$disk" || exit 99
"$@"; status=$?
mount -o remount,size=500m none "$disk"
cp "$disk"/output/logs/*.log "$disk/.." 2>/dev/null
[ -n "$AGAIN" ] && "$@" >"$disk/../again.txt" 2>&1; echo $? >"$disk/../again_status.txt"
exit $status
"""
"""Runs a command with a disk of a certain size, in namespaces of its own: no other process sees the disk."""

NAMESPACES = ["unshare", "--user", "--map-root-user", "--mount"]
FULL = re.compile(
    r"(?:error|vocseg): (\S+) cannot be written to: No space left on device; free some space, or choose .*$"
)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    allowed = shutil.which("unshare") and subprocess.run([*NAMESPACES, "true"], check=False).returncode == 0
    if not allowed:
        pytest.skip("this system does not allow a mount for one process")
    return Workspace(tmp_path_factory.mktemp("workspace"))


def run_on_disk(workspace: Workspace, size: str, *, again: bool = False) -> subprocess.CompletedProcess[str]:
    """Runs the pipeline with the output on a disk of `size`, then a second time on a larger disk if `again`."""
    disk = workspace.folder / "disk"
    disk.mkdir(exist_ok=True)
    arguments = ["--preset", str(workspace.preset_of_one), "--devkit", str(workspace.devkit)]
    command = [str(Path(sys.executable).with_name("vocseg")), "run", *arguments, "--output", str(disk / "output")]
    return subprocess.run(
        [*NAMESPACES, "bash", "-c", SCRIPT, "bash", str(disk), size, *command],
        cwd=workspace.folder,
        env={**os.environ, "AGAIN": "1" if again else ""},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "file"),
    [
        ("16k", ""),  # before the first node
        ("300k", "/output/"),
        ("400k", "/output/"),  # SQLite ends the transaction itself
    ],
)
def test_a_full_disk_is_one_sentence_with_the_file_and_the_cure(workspace: Workspace, size: str, file: str) -> None:
    finished = run_on_disk(workspace, size)
    assert_names_file_and_cure(finished, f"{workspace.folder}/disk{file}")


@pytest.mark.slow
def test_with_more_space_the_same_command_resumes(workspace: Workspace) -> None:
    finished = run_on_disk(workspace, "1m", again=True)  # full when the trainer writes its model
    assert "training own" in finished.stdout
    assert_names_file_and_cure(finished, f"{workspace.folder}/disk")
    again = (workspace.folder / "again.txt").read_text()
    assert (workspace.folder / "again_status.txt").read_text() == "0\n", again
    assert "VocExampleGen unchanged, result from the cache" in again
    assert "summary: " in again


def assert_names_file_and_cure(finished: subprocess.CompletedProcess[str], file: str) -> None:
    printed = finished.stdout + finished.stderr
    assert finished.returncode == 1, printed
    errors = [line for line in printed.splitlines() if line.startswith(("error: ", "vocseg: "))]
    (found,) = map(FULL.match, errors)
    assert found, printed
    assert found[1].startswith(file), printed
    assert "Traceback" not in printed
