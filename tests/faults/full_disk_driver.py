"""Publishes to small disks of many sizes, then once more after space was freed.

`python -m tests.faults.full_disk_driver FOLDER SIZE…` mounts a tmpfs of each size, in KiB, at FOLDER. It prints JSON:
the number of pushes that found the disk full, and the violations. It must be started in a mount namespace of its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

from components.model_pusher.publishing import publish
from components.saved_model.model_digest import model_digest
from tests.components.model_pusher.version_folders import write_model

_LARGE = "64M"


def _mount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(folder)], check=True)


def _states(serving: Path) -> list[str]:
    """The digests of all versions, oldest first."""
    versions = [path for path in serving.iterdir() if path.name.isdecimal()]
    return [model_digest(version) for version in sorted(versions, key=lambda path: int(path.name))]


def main(folder: Path, sizes: list[int]) -> None:
    """Fills disks of some sizes."""
    models = [write_model(folder.with_name(letter), letter) for letter in "ab"]
    before, after = ([model_digest(model) for model in models[:count]] for count in (1, 2))
    full, violations = 0, []
    folder.mkdir()
    for size in sizes:
        _mount(folder, f"size={_LARGE}")
        serving = folder / "serving"
        publish(models[0], serving)
        used = sum(path.stat().st_blocks for path in folder.rglob("*")) // 2
        os.sync()
        _mount(folder, f"remount,size={used + size}k")
        with contextlib.suppress(OSError):
            publish(models[1], serving)
        states = _states(serving)
        full += states == before
        if states not in (before, after):
            violations.append(f"with {size} KiB free, the versions are {states}")
        _mount(folder, f"remount,size={_LARGE}")
        if states == before:
            publish(models[1], serving)
        if _states(serving) != after or any(path.name.startswith(".incoming-") for path in serving.iterdir()):
            violations.append(f"with {size} KiB free at first, later versions are {_states(serving)}")
        subprocess.run(["umount", str(folder)], check=True)
    print(json.dumps({"full": full, "violations": violations}))  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]), [int(size) for size in sys.argv[2:]])
