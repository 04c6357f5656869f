"""Gets what a cluster needs: Beam's job server from Maven Central, and the engine itself from PyPI.

Both clients use their own settings: a mirror of Maven Central in `~/.m2/settings.xml`, one of PyPI in `UV_INDEX_URL`.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_PROJECT = Path(__file__).parents[1]
_LONGEST_MESSAGE = 600


class DownloadError(RuntimeError):
    """Something that a cluster needs is not available; the message says what, and why."""


def job_server(engine: str, folder: Path) -> Path:
    """Returns Beam's job server for an engine, a large file, which Maven makes unless it exists.

    Args:
        engine: `flink` or `spark`.
        folder: where the file is stored.

    Raises:
        DownloadError: there is no Maven, or it cannot make the file.
    """
    file = folder / f"{engine}-job-server.jar"
    if not file.exists():
        pom = Path(__file__).with_name(f"{engine}.xml")
        built = folder / f"{engine}-build"
        _run("mvn", ["--batch-mode", "--quiet", "--file", str(pom), f"-Dfolder={built}", "package"])
        (built / file.name).replace(file)
        shutil.rmtree(built)
    return file


def python_package(requirement: str, folder: Path) -> Path:
    """Returns the folder with the files of a package from PyPI, which is downloaded unless it exists.

    Args:
        requirement: the name of the package and its version, as `pyspark==3.5.1`.
        folder: where such folders are stored.

    Raises:
        DownloadError: there is no uv, or it cannot download the package.
    """
    files = folder / requirement.replace("==", "-")
    if not files.exists():
        downloaded = folder / f"{files.name}.incomplete"
        shutil.rmtree(downloaded, ignore_errors=True)
        options = ["--quiet", "--no-deps", "--python", sys.executable, "--target", str(downloaded)]
        _run("uv", ["pip", "install", *options, requirement])
        downloaded.rename(files)
    return files


def _run(program: str, arguments: Sequence[str]) -> None:
    path = shutil.which(program) or shutil.which(program, path=str(_PROJECT / ".uv/bin"))
    if path is None:
        raise DownloadError(f"{program} is not installed; install it, or add its folder to PATH")
    ended = subprocess.run([path, *arguments], capture_output=True, text=True, check=False)
    if ended.returncode:
        said = " ".join((ended.stdout + ended.stderr).split())[:_LONGEST_MESSAGE]
        raise DownloadError(f"{program} failed with status {ended.returncode}: {said}")
