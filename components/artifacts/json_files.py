"""JSON files in artifacts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from etils import epath
from tfx.types import artifact_utils

if TYPE_CHECKING:
    from tfx import types


def read_json(artifacts: list[types.Artifact], file: str) -> Any:
    """Reads a JSON file from the only artifact of an input.

    Args:
        artifacts: the input's value in `input_dict`.
        file: the file's name, see `components.run_files`.
    """
    return json.loads((epath.Path(artifact_utils.get_single_uri(artifacts)) / file).read_text())


def write_json(artifacts: list[types.Artifact], file: str, values: Any) -> None:
    """Writes a JSON file to the only artifact of an output, whose folder is created if it does not exist.

    Args:
        artifacts: the output's value in `output_dict`.
        file: the file's name, see `components.run_files`.
        values: JSON values.
    """
    folder = epath.Path(artifact_utils.get_single_uri(artifacts))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / file).write_text(json.dumps(values, indent=2))
