"""The saved inputs of the fuzz targets are read or refused; slow: new inputs for a minute per target, with atheris."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.targets import TARGETS, saved_inputs
from tests.fuzz.text_targets import TEXT_TARGETS

PROJECT = Path(__file__).parents[2]
SECONDS = 60


@pytest.mark.parametrize("name", TEXT_TARGETS)
def test_saved_inputs_are_read_or_refused(name: str) -> None:
    target = TEXT_TARGETS[name]
    for content in (b"", *target.seeds(), *saved_inputs(name)):
        target.run(content)


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None, reason="atheris is not installed: make test-slow-fuzz does it"
)
@pytest.mark.parametrize("name", TARGETS)
def test_new_inputs_are_read_or_refused(name: str, tmp_path: Path) -> None:
    options = [f"-max_total_time={SECONDS}", "-max_len=4096", "-timeout=20", "-rss_limit_mb=4096"]
    command = [sys.executable, "-m", "tests.fuzz.fuzz", name, str(tmp_path / "corpus"), *options]
    command += [f"-artifact_prefix={tmp_path}/"]
    fuzzed = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(PROJECT)}, capture_output=True, text=True, check=False
    )
    assert fuzzed.returncode == 0, fuzzed.stderr[-3000:]
