"""The image's build removes from the environment only what no node reads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "kubeflow/slim_environment.py"
KEPT = (
    "keras/tests/cases.py",  # not a package whose tests are known to be for itself alone
    "loose.py",
    "numpy/core.py",
    "numpy/testing/tools.py",
    "numpy/tests.py",
    "tensorflow/core.py",
)
REMOVED = (
    "clang/libclang.so",
    "numpy/tests/test_core.py",
    "pyarrow/include/arrow/api.h",
    "scipy/stats/tests/data/tests/values.txt",
    "tensorflow/include/eigen.h",
)


def test_headers_and_the_packages_own_tests_are_removed(tmp_path: Path) -> None:
    packages = tmp_path / "lib/python3.11/site-packages"
    for name in (*KEPT, *REMOVED):
        (packages / name).parent.mkdir(parents=True, exist_ok=True)
        (packages / name).write_bytes(bytes(1_500_000 if name.startswith(("clang", "keras")) else 1_000))
    finished = subprocess.run([sys.executable, SCRIPT, tmp_path], capture_output=True, text=True, check=True)
    assert sorted(str(file.relative_to(packages)) for file in packages.rglob("*") if file.is_file()) == sorted(KEPT)
    printed = [" ".join(line.split()) for line in finished.stdout.splitlines()]
    assert printed[:3] == ["1.5 MB clang", "3.0 MB before, 1.5 MB after; the largest packages:", "1.5 MB keras"]
    assert sorted(line.split()[-1] for line in printed[2:]) == [
        "keras",
        "loose.py",
        "numpy",
        "pyarrow",
        "scipy",
        "tensorflow",
    ]
