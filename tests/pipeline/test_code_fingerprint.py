from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipeline.code_fingerprint import code_fingerprint, imported_sources

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package `nets_to_hash`: `build` imports `blocks` relatively; no module imports `other`."""
    folder = tmp_path / "nets_to_hash"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "build.py").write_text("import os\nfrom . import blocks\nfrom tfds_voc_seg.labels import VOID\n")
    (folder / "blocks.py").write_text("WIDTH = 3\n")
    (folder / "other.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    return folder


def test_it_depends_on_the_imported_files_only(package: Path) -> None:
    before = code_fingerprint("nets_to_hash.build")
    (package / "other.py").write_text("changed = True\n")
    assert code_fingerprint("nets_to_hash.build") == before
    for file in ("build.py", "blocks.py"):
        (package / file).write_text((package / file).read_text() + "# another line\n")
        after = code_fingerprint("nets_to_hash.build")
        assert after != before
        before = after


@pytest.mark.usefixtures("package")
def test_it_follows_imports_into_this_project_but_not_into_libraries() -> None:
    found = imported_sources(("nets_to_hash.build",), {"nets_to_hash", "tfds_voc_seg"})
    assert set(found) == {
        "nets_to_hash",
        "nets_to_hash.build",
        "nets_to_hash.blocks",
        "tfds_voc_seg.labels",
    }


def test_a_single_file_is_hashed_with_the_files_beside_it_that_it_imports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lone_net.py").write_text("import lone_blocks\n")
    (tmp_path / "lone_blocks.py").write_text("WIDTH = 3\n")
    monkeypatch.syspath_prepend(tmp_path)
    before = code_fingerprint("lone_net")
    (tmp_path / "lone_blocks.py").write_text("WIDTH = 4\n")
    assert code_fingerprint("lone_net") != before


def test_the_code_of_a_network_influences_only_its_own_candidate() -> None:
    executor = "components.segmentation_trainer.executor"
    networks = "components.networks"
    packages = {"components", "tfds_voc_seg"}
    fcn = imported_sources((executor, f"{networks}.fcn"), packages)
    unet = imported_sources((executor, f"{networks}.unet"), packages)
    assert set(fcn) - set(unet) == {f"{networks}.fcn"}
    assert set(unet) - set(fcn) == {f"{networks}.unet"}
    for shared in (f"{networks}.alignment", "components.training.losses", "tfds_voc_seg.records.decoding"):
        assert shared in fcn
        assert shared in unet


def test_an_unknown_module_is_an_error() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"'no_such_package\.network' has no source file"):
        code_fingerprint("no_such_package.network")
