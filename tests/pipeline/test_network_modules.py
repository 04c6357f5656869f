"""Only the modules of custom networks are importable from the current folder and from the preset's folder."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

import pytest

from pipeline.config.loading import load_config
from pipeline.network_modules import find_networks, find_networks_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def unchanged_imports() -> Iterator[None]:
    finders, modules = list(sys.meta_path), set(sys.modules)
    yield
    sys.meta_path[:] = finders
    for name in set(sys.modules) - modules:
        del sys.modules[name]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Networks that import modules beside them, and files whose names a library might import."""
    (tmp_path / "own_network.py").write_text("import own_blocks\nvalue = own_blocks.value\n")
    (tmp_path / "own_blocks.py").write_text("import own_package.layers\nvalue = own_package.layers.value\n")
    (tmp_path / "own_package").mkdir()
    (tmp_path / "own_package/__init__.py").touch()
    (tmp_path / "own_package/layers.py").write_text("from . import numbers_\nvalue = numbers_.value\n")
    (tmp_path / "own_package/numbers_.py").write_text("import own_last\nvalue = own_last.value\n")
    (tmp_path / "own_last.py").write_text("value = 7\n")
    for name in ("chardet", "json", "own_other"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('a foreign module ran')\n")
    return tmp_path


def test_networks_and_what_they_import_are_found_and_nothing_else(folder: Path) -> None:
    assert find_networks(["unet", "own_network:build"], [folder / "nowhere", folder]) is not None
    assert importlib.import_module("own_network").value == 7
    for name in ("chardet", "own_other"):
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module(name)


def test_an_installed_module_comes_first(folder: Path) -> None:
    find_networks(["json:build"], [folder])
    sys.modules.pop("json")
    assert hasattr(importlib.import_module("json"), "dumps")


def test_a_package_may_hold_the_network(folder: Path) -> None:
    find_networks(["own_package.layers:build"], [folder])
    assert importlib.import_module("own_package.layers").value == 7


def test_known_networks_change_nothing() -> None:
    before = list(sys.meta_path)
    assert find_networks(["unet", "fcn8"], []) is None
    assert sys.meta_path == before


def test_both_folders_are_searched(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "here"
    here.mkdir()
    (here / "own_second.py").write_text("value = 8\n")
    monkeypatch.chdir(here)
    candidates = (f"candidates.{name}={{network: '{name}:build'}}" for name in ("own_second", "own_network"))
    config = load_config("demo", overrides=candidates)
    find_networks_of(config, str(folder / "preset.yaml"))
    assert importlib.import_module("own_second").value == 8
    assert importlib.import_module("own_network").value == 7
