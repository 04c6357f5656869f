"""The saved inputs of the fuzz targets are read or refused; slow: new inputs for a minute per target, with atheris."""

from __future__ import annotations

import importlib.util
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.fuzz.targets import TARGETS, saved_inputs
from tests.fuzz.text_targets import TEXT_TARGETS

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).parents[2]
SECONDS = 60

ODD_VALUES: tuple[Any, ...] = (None, True, -1, math.nan, 10**400, "", "x" * 300, [], [[]], {}, {"a": {}})


@pytest.mark.parametrize("name", TEXT_TARGETS)
def test_saved_inputs_are_read_or_refused(name: str) -> None:
    target = TEXT_TARGETS[name]
    for content in (b"", *target.seeds(), *saved_inputs(name)):
        target.run(content)


@pytest.mark.parametrize(
    "name",
    ["coco_reading", "labelme_reading", "label_set_reading", "configuration_reading", "exported_model_reading"],
)
@pytest.mark.parametrize("odd", ODD_VALUES, ids=lambda odd: str(odd)[:9])
def test_an_odd_value_in_each_place_is_read_or_refused(name: str, odd: Any) -> None:
    """JSON is YAML, too."""
    target = TEXT_TARGETS[name]
    for content in _changed(yaml.safe_load(target.seeds()[0]), odd):
        target.run(json.dumps(content).encode())


def _changed(content: Any, odd: Any) -> Iterator[Any]:
    """Yields copies of a JSON value: in each, one value of it is the odd one, or one key is missing."""
    yield odd
    if isinstance(content, dict):
        for key, value in content.items():
            yield {other: content[other] for other in content if other != key}
            yield from ({**content, key: changed} for changed in _changed(value, odd))
    if isinstance(content, list):
        for place, value in enumerate(content):
            yield from ([*content[:place], changed, *content[place + 1 :]] for changed in _changed(value, odd))


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
