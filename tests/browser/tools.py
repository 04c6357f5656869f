"""Runs the browser tests' scripts: with the system's Chromium, and playwright-core and axe-core from npm.

A test is skipped if one of these is not available.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

_HERE = Path(__file__).parent


class Browser:
    """Runs the scripts of this folder."""

    def __init__(self, config: pytest.Config):
        """Installs the scripts' packages into pytest's cache once, or skips the calling test."""
        self._chromium = _program("chromium", "chromium-browser")
        self._node, npm = _program("nodejs", "node"), _program("npm")
        assert config.cache is not None
        self._cache = config.cache.mkdir("browser")
        for file in _HERE.iterdir():
            if file.is_file():
                shutil.copy(file, self._cache)
        wanted, installed = (_HERE / "package-lock.json").read_text(), self._cache / "installed.json"
        if not installed.is_file() or installed.read_text() != wanted:
            _install(npm, self._cache)
            installed.write_text(wanted)

    def run(self, script: str, *arguments: str) -> Any:
        """Runs a script with Chromium's path and the arguments; returns the JSON that it prints."""
        command = [self._node, str(self._cache / script), self._chromium, *arguments]
        finished = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        assert finished.returncode == 0, finished.stderr
        return json.loads(finished.stdout)


def _install(npm: str, folder: Path) -> None:
    """Installs the versions of package-lock.json and checks their hashes; npm reuses cached downloads."""
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=180)
    except subprocess.TimeoutExpired:
        pytest.skip("axe-core and playwright-core could not be installed: npm timed out")
    if done.returncode:
        pytest.skip(f"axe-core and playwright-core could not be installed: {done.stderr.strip()[-300:]}")


def _program(*names: str) -> str:
    for name in names:
        if found := shutil.which(name):
            return found
    pytest.skip(f"{names[0]} is not installed (Debian: apt-get install {names[0]})")
