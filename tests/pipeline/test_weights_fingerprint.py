"""Weights in the same place have another fingerprint if their content is another."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from components.run_files import CHECKSUMS_FILE, LAYER_WEIGHTS_FILE
from pipeline.weights_fingerprint import weights_fingerprint
from tests.served_folder import served_folder

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def write_release(folder: Path, content: bytes) -> str:
    """Writes the weights of a release and their checksum, which is returned."""
    digest = hashlib.sha256(content).hexdigest()
    (folder / LAYER_WEIGHTS_FILE).write_bytes(content)
    (folder / CHECKSUMS_FILE).write_text(f"{digest}  {LAYER_WEIGHTS_FILE}\n")
    return digest


def test_files_and_releases_have_the_fingerprint_of_their_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it, a run would take the training that began with the old weights from its cache."""
    release = tmp_path / "release"
    release.mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    with served_folder(release, tmp_path / "keras", monkeypatch) as address:
        for content in (b"weights", b"other weights"):
            digest = write_release(release, content)
            for place in (
                release,
                "~/release",
                address,
                release / LAYER_WEIGHTS_FILE,
                f"~/release/{LAYER_WEIGHTS_FILE}",
            ):
                assert weights_fingerprint(place) == f"+{digest}", place
        unreadable = [tmp_path / "nothing", "ftp://host/weights.h5", f"{address}/nothing", "imagenet", None]
        assert [weights_fingerprint(place) for place in unreadable] == [""] * 5
