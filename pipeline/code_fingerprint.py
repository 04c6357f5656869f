"""Hashes the code behind a component, for TFX's cache key, which covers parameters but no code."""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

OWN_PACKAGES = ("components", "pipeline", "tfds_voc_seg")

WITHOUT_EFFECT = ("components.progress", "components.networks.names")
"""Modules that do not influence results: the display of progress, and a table of names."""


def code_fingerprint(*modules: str) -> str:
    """Hashes the source of modules and of everything that they import from this project, directly or indirectly.

    For a module outside this project (a custom network), imports from its own top-level package are hashed too, or from
    its own folder if it is a single file.

    Args:
        *modules: dotted names, such as `components.segmentation_trainer.executor`.

    Returns:
        A SHA-256 hex digest.

    Raises:
        ModuleNotFoundError: a named module has no source file.
    """
    packages = {*OWN_PACKAGES, *(module.partition(".")[0] for module in modules)}
    for module in modules:
        if "." not in module and (file := _source_file(module)) and file.parent.name != "site-packages":
            packages |= {sibling.stem for sibling in file.parent.glob("*.py")}
    digest = hashlib.sha256()
    for name, file in sorted(imported_sources(modules, packages).items()):
        digest.update(f"{name}\0".encode() + file.read_bytes() + b"\0")
    return digest.hexdigest()


def imported_sources(modules: Sequence[str], packages: Collection[str]) -> dict[str, Path]:
    """Finds the source files of modules and of everything that they import from some packages.

    Args:
        modules: dotted names.
        packages: names of top-level packages and modules; other imports are not followed.

    Returns:
        Module name → source file.

    Raises:
        ModuleNotFoundError: a module in `modules` has no source file.
    """
    for module in modules:
        if _source_file(module) is None:
            raise ModuleNotFoundError(f"the module {module!r} has no source file, or cannot be found")
    found: dict[str, Path] = {}
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name in found or name in WITHOUT_EFFECT or name.partition(".")[0] not in packages:
            continue
        file = _source_file(name)
        if file is not None:
            found[name] = file
            waiting += imports_of(file, name)
    return found


def imports_of(file: Path, module: str) -> list[str]:
    """Returns the names of all modules that a source file may import.

    Args:
        file: the source file.
        module: the name of its module, for relative imports.
    """
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    return list(_imports_in(file.read_text(), package))


@functools.cache
def _imports_in(text: str, package: str) -> tuple[str, ...]:
    """Finds the imports in a source text; cached, because the components have most of their modules in common."""
    names: list[str] = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                base = importlib.util.resolve_name("." * node.level + base, package)
            names += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    return tuple(names)


def _source_file(module: str) -> Path | None:
    """Finds the source file of a module without importing the module or its parent packages."""
    top, _, rest = module.partition(".")
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if not rest:
        origins = [spec.origin] if spec.origin else []
    else:
        relative = rest.replace(".", "/")
        origins = [
            f"{folder}/{relative}{ending}"
            for folder in spec.submodule_search_locations or ()
            for ending in (".py", "/__init__.py")
        ]
    return next((Path(origin) for origin in origins if origin.endswith(".py") and Path(origin).is_file()), None)
