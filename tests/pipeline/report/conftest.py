"""A made-up run for the tests of the report."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.report.contents import RunContents, read_contents
from tests.pipeline.made_run import write_whole_run

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    write_whole_run(folder)
    return folder


@pytest.fixture(scope="module")
def contents(output: Path) -> RunContents:
    return read_contents(output)


@pytest.fixture
def evaluation(contents: RunContents) -> dict[str, Any]:
    """A copy of the evaluation, which the test may change."""
    copied: dict[str, Any] = json.loads(json.dumps(contents.evaluation))
    return copied
