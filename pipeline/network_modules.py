"""Imports the modules of custom networks, and nothing else, from the current folder and the preset's folder.

These folders are not on Python's path. Libraries try to import optional packages, such as `chardet`; a file of that
name in a folder of photos or presets would run as part of the program.
"""

from __future__ import annotations

import contextlib
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING

from components.networks.names import NETWORKS
from pipeline.code_fingerprint import imports_of
from tfds_voc_seg.storage import local_path

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

    from pipeline.config.schema import RunConfig


class NetworkFinder(MetaPathFinder):
    """Finds some top-level modules in some folders; Python asks it last, so that an installed package comes first."""

    def __init__(self, names: Collection[str], folders: Sequence[str]):
        self._names, self._folders = frozenset(names), list(folders)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Finds a module; Python finds the modules inside a package by itself."""
        if path is not None or fullname not in self._names:
            return None
        return PathFinder.find_spec(fullname, self._folders, target)


def find_networks_of(config: RunConfig, preset: str) -> None:
    """Makes the custom networks of a configuration importable from the current folder and from the preset's folder."""
    networks = [candidate.network for candidate in config.candidates.values()]
    find_networks(networks, [Path.cwd(), local_path(preset).resolve().parent])


def find_networks(networks: Iterable[str], folders: Sequence[Path]) -> NetworkFinder | None:
    """Makes the modules of custom networks importable from some folders.

    Args:
        networks: names of networks; those of the form `module:function` are custom.
        folders: where to search; the first folder that holds a module is used.

    Returns:
        The finder that was added to `sys.meta_path`; `None` without custom networks.
    """
    modules = {name.partition(":")[0].partition(".")[0] for name in networks if name not in NETWORKS}
    if not modules:
        return None
    searched = [str(folder) for folder in folders]
    finder = NetworkFinder(_with_imports(modules, searched), searched)
    sys.meta_path.append(finder)
    return finder


def _with_imports(modules: Iterable[str], folders: list[str]) -> set[str]:
    """Returns the top-level modules, and those in the same folders that they import, directly or indirectly."""
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        spec = None if name in found else PathFinder.find_spec(name, folders)
        if spec is None:
            continue
        found.add(name)
        for file, module in _source_files(spec):
            with contextlib.suppress(SyntaxError, ValueError, OSError):  # its import says what is wrong
                waiting += [imported.partition(".")[0] for imported in imports_of(file, module)]
    return found


def _source_files(spec: ModuleSpec) -> list[tuple[Path, str]]:
    """Lists the source files of a module or package, with the names of their modules."""
    if spec.submodule_search_locations is None:
        return [(Path(spec.origin), spec.name)] if spec.origin and spec.origin.endswith(".py") else []
    return [
        (file, ".".join((spec.name, *file.relative_to(folder).with_suffix("").parts)).removesuffix(".__init__"))
        for folder in spec.submodule_search_locations
        for file in Path(folder).rglob("*.py")
    ]
