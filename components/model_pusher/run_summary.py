"""Keeps the `summary.json` of a run right while versions are withdrawn, restored and removed.

The summary is beside the run's publishing folder. It is changed before a version goes and after a version is back, so
that it never names a version that does not exist.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.model_pusher.object_store import is_remote
from components.run_files import SERVING_FOLDER, SUMMARY_FILE, WITHDRAWN_FOLDER
from components.saved_model.serving_folder import versions, withdrawn_versions
from tfds_voc_seg.storage import write_text_whole

if TYPE_CHECKING:
    from etils import epath

PUBLISHED, WITHDRAWN = "published", "withdrawn"
"""Keys of the summary: the folder of the version that the run published; `withdrawn` instead after a rollback."""


def version_leaves(version: epath.PathLike, target: epath.PathLike | None = None) -> None:
    """Changes the summary before a version is removed, or withdrawn to the folder `target`.

    Raises:
        OSError: the summary cannot be read or written; the version must stay.
    """
    summary = None if is_remote(version) else _summary_beside(Path(version).parent)
    if summary and _is(summary.get(PUBLISHED), Path(version)):
        _write(Path(version).parent, {**summary, PUBLISHED: None, WITHDRAWN: str(target) if target else None})


def versions_changed(folder: epath.PathLike) -> None:
    """Changes the summary after versions of a publishing folder were restored, or a process was killed meanwhile.

    Raises:
        OSError: the summary cannot be read or written.
    """
    summary = None if is_remote(folder) else _summary_beside(Path(folder))
    if summary and (current := named_versions(summary, folder)) != summary:
        _write(Path(folder), current)


def named_versions(summary: dict[str, Any], folder: epath.PathLike) -> dict[str, Any]:
    """Returns a summary whose version is where it is now: in service, withdrawn, or nowhere.

    Args:
        summary: the content of `summary.json`.
        folder: the publishing folder.
    """
    named = summary.get(PUBLISHED) or summary.get(WITHDRAWN)
    if not named:
        return summary
    name = Path(named).name
    served = name in {path.name for path in versions(folder)}
    withdrawn = not served and name in {path.name for path in withdrawn_versions(folder)}
    place = Path(named).parent.parent if summary.get(WITHDRAWN) else Path(named).parent
    return {
        **summary,
        PUBLISHED: str(place / name) if served else None,
        WITHDRAWN: str(place / WITHDRAWN_FOLDER / name) if withdrawn else None,
    }


def _summary_beside(folder: Path) -> dict[str, Any] | None:
    """Reads the summary of the run that publishes to a folder; `None` if there is none, or no JSON in it."""
    if folder.name != SERVING_FOLDER:
        return None
    try:
        summary = json.loads((folder.parent / SUMMARY_FILE).read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return summary if isinstance(summary, dict) else None


def _is(named: Any, version: Path) -> bool:
    return isinstance(named, str) and Path(named).resolve() == version.parent.resolve() / version.name


def _write(folder: Path, summary: dict[str, Any]) -> None:
    write_text_whole(folder.parent / SUMMARY_FILE, json.dumps(summary, indent=2) + "\n")
