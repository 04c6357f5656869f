"""Reads JSON files of sources."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tfds_voc_seg.importers.source import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def read_json(
    file: Path, errors: str = "strict", reduce: Callable[[dict[str, Any]], dict[str, Any]] | None = None
) -> dict[str, Any]:
    """Reads a JSON file whose content is an object.

    Args:
        file: the file.
        errors: what becomes of bytes that are not UTF-8.
        reduce: returns what is kept of an object; called with each one as soon as it is read, inner ones first.

    Raises:
        SourceError: the file cannot be read, or its content is something else.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8-sig", errors=errors), object_hook=reduce)
    except (OSError, ValueError, RecursionError) as error:
        raise SourceError(f"{file} cannot be read as JSON: {error}") from error
    if not isinstance(content, dict):
        raise SourceError(f"{file} holds a {type(content).__name__}, not an object with keys")
    return content


def listed(content: dict[str, Any], key: str, file: Path) -> list[dict[str, Any]]:
    """Returns a list of objects in a JSON object.

    Raises:
        SourceError: the key is missing, or its value is something else.
    """
    values = content.get(key)
    if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
        raise SourceError(f"{file}: {key} must be a list of objects")
    return values
