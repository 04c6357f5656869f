"""The versions of an output folder name the executions that published them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from components.run_files import PUBLICATION_FILE
from pipeline.metadata.own_versions import own_versions
from tests.components.model_pusher.version_folders import write_model

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_that_cannot_be_read_is_an_error_and_a_missing_one_is_not(tmp_path: Path) -> None:
    serving, artifact = tmp_path / "serving", tmp_path / "tfx/Pusher/pushed_model/7"
    for version, content in {"1": None, "2": "{", "3": json.dumps({"pushed_model": str(artifact)})}.items():
        file = write_model(serving / version) / PUBLICATION_FILE
        file.unlink(missing_ok=True)
        if content is not None:
            file.write_text(content)
    assert [*own_versions(tmp_path)] == [(serving / "3", artifact)]
    file.unlink()
    file.mkdir()  # any error of the disk but a missing file
    with pytest.raises(IsADirectoryError, match=r"publication\.json"):
        [*own_versions(tmp_path)]
