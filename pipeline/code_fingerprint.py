"""A hash of the code behind a component: TFX's cache looks at parameters, not at code."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
from pathlib import Path

OWN_PACKAGES = ("components", "pipeline", "tfds_voc_seg")

WITHOUT_EFFECT = ("components.progress", "components.networks.names")
"""Modules that change no result: how progress is shown, and a table of names."""


def code_fingerprint(*modules: str) -> str:
    """Hashes the source of modules and of all that they import, directly or not, from this project.

    A module outside this project (one's own network) counts with what it imports from its own top-level package, or
    its own folder, and from this project.

    Args:
        *modules: dotted names, e.g. `components.segmentation_trainer.executor`.

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
    for name, file in sorted(_imported(modules, packages).items()):
        digest.update(f"{name}\0".encode() + file.read_bytes() + b"\0")
    return digest.hexdigest()


def _imported(modules: tuple[str, ...], packages: set[str]) -> dict[str, Path]:
    """Walks the imports: module name → source file."""
    for module in modules:
        if _source_file(module) is None:
            raise ModuleNotFoundError(f"the module {module!r} has no source file that can be found")
    found: dict[str, Path] = {}
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name in found or name in WITHOUT_EFFECT or name.partition(".")[0] not in packages:
            continue
        file = _source_file(name)
        if file is not None:
            found[name] = file
            waiting += _imports_of(file, name)
    return found


def _imports_of(file: Path, module: str) -> list[str]:
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    names = []
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                base = importlib.util.resolve_name("." * node.level + base, package)
            names += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    return names


def _source_file(module: str) -> Path | None:
    """Finds a module's file without running it; parents are found by folder, not imported."""
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
