"""Removes from a virtual environment the files that no pipeline node reads, and prints the space saved.

    python3 slim_environment.py /opt/venv

It removes headers for building extensions and the packages' own tests. Bytecode stays: without it `import tfx` takes
three times as long. `prove_image.sh` runs the whole pipeline in the slimmed environment.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

UNUSED = ("tensorflow/include", "pyarrow/include", "clang")
"""Headers for compiling against TensorFlow and Arrow; libclang, which TensorFlow requires but nothing imports."""
TESTED_PACKAGES = (
    "numpy",
    "scipy",
    "pandas",
    "sklearn",
    "pyarrow",
    "matplotlib",
    "joblib",
    "h5py",
    "nltk",
    "statsmodels",
)
"""Packages whose `tests` folders are imported only by the tests themselves."""


def main(environment: str) -> None:
    """Removes the unneeded folders and prints the sizes before and after."""
    packages = next(Path(environment).glob("lib/python3.*/site-packages"))
    before = _size(packages)
    for folder in _unneeded_folders(packages):
        size = _size(folder) / 1e6
        if size >= 1:
            print(f"{size:8.1f} MB  {folder.relative_to(packages)}")
        shutil.rmtree(folder)
    after = _size(packages)
    print(f"{before / 1e6:8.1f} MB before, {after / 1e6:.1f} MB after; the largest packages:")
    for size, name in sorted(((_size(path), path.name) for path in packages.iterdir()), reverse=True)[:12]:
        print(f"{size / 1e6:8.1f} MB  {name}")


def _unneeded_folders(packages: Path) -> Iterator[Path]:
    for name in UNUSED:
        if (packages / name).is_dir():
            yield packages / name
    for package in TESTED_PACKAGES:
        found = sorted((packages / package).rglob("tests")) if (packages / package).is_dir() else []
        for folder in found:
            if folder.is_dir():  # not inside a folder that is already removed
                yield folder


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.lstat().st_size for file in files if not file.is_dir())


if __name__ == "__main__":
    main(sys.argv[1])
