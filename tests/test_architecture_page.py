"""Every path and name on docs/architecture.md exists, and on the other pages. Source files are parsed only."""

from __future__ import annotations

import ast
import functools
import re
from typing import TYPE_CHECKING

import pytest

from tests.docs.pages import PAGES, PROJECT

if TYPE_CHECKING:
    from pathlib import Path

PAGE = PROJECT / "docs/architecture.md"
PACKAGES = ("tfds_voc_seg", "components", "pipeline", "benchmarks", "clusters", "docs_generator", "tests")
TOP_LEVEL = (*PACKAGES, "docs", "kubeflow", "pyproject.toml")


def without_code_blocks(page: Path) -> str:
    return re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)


def code_spans(page: Path) -> list[str]:
    return sorted(set(re.findall(r"`([^`\n]+)`", without_code_blocks(page))))


def named_paths(page: Path) -> list[str]:
    return [
        span for span in code_spans(page) if re.fullmatch(r"[\w./-]+", span) and span.partition("/")[0] in TOP_LEVEL
    ]


def dotted_names(page: Path) -> list[str]:
    return [span for span in code_spans(page) if re.fullmatch(rf"({'|'.join(PACKAGES)})(\.\w+)+", span)]


def path_exists(path: str) -> bool:
    return (PROJECT / path).is_dir() if path.endswith("/") else (PROJECT / path).exists()


@functools.cache
def defined_names(file: Path) -> frozenset[str]:
    """Names that a module defines or imports, and `Class.member` of its classes."""
    return frozenset(_names(ast.parse(file.read_text()).body, ""))


def _names(statements: list[ast.stmt], prefix: str) -> list[str]:
    names: list[str] = []
    for statement in statements:
        match statement:
            case ast.FunctionDef(name=name):
                names.append(prefix + name)
            case ast.ClassDef(name=name, body=body):
                names += [prefix + name, *_names(body, f"{prefix}{name}.")]
            case ast.Assign(targets=targets):
                names += [prefix + target.id for target in targets if isinstance(target, ast.Name)]
            case ast.AnnAssign(target=ast.Name(id=name)):
                names.append(prefix + name)
            case ast.ImportFrom(names=imported):
                names += [prefix + alias.name for alias in imported]
            case _:
                pass
    return names


def exists(dotted: str) -> bool:
    """Whether a dotted name is a package, a module, or something that a module defines."""
    parts = dotted.split(".")
    for depth in range(len(parts), 0, -1):
        place = PROJECT.joinpath(*parts[:depth])
        file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
        if file.is_file():
            return depth == len(parts) or ".".join(parts[depth:]) in defined_names(file)
    return False


@pytest.mark.parametrize("page", PAGES)
def test_paths_and_names_exist(page: str) -> None:
    file = PROJECT / page
    paths, names = named_paths(file), dotted_names(file)
    assert [path for path in paths if not path_exists(path)] == []
    assert [name for name in names if not exists(name)] == []
    assert file != PAGE or (len(paths) > 50 and len(names) > 50)


@pytest.mark.parametrize("package", PACKAGES[:3])
def test_every_package_is_on_the_page(package: str) -> None:
    folders = [file.parent.relative_to(PROJECT).as_posix() for file in (PROJECT / package).glob("*/__init__.py")]
    assert [folder for folder in folders if f"{folder}/" not in named_paths(PAGE)] == []


def test_the_modules_that_a_row_names_exist() -> None:
    """In a row of a folder, `module.py` is a module of that folder, or of the same package."""
    rows = re.findall(r"^\| `([\w/.]+)` \| (.*) \|$", PAGE.read_text(), re.MULTILINE)
    named = [(path, module) for path, text in rows for module in re.findall(r"`(\w+\.py)`", text)]
    assert len(named) > 20
    for path, module in named:
        folder = PROJECT / path if path.endswith("/") else (PROJECT / path).parent
        assert (folder / module).is_file(), f"{path}: {module}"


def test_the_check_finds_a_wrong_name() -> None:
    assert exists("components.training.losses.cross_entropy")
    assert exists("components.training.resumption.TrainingFolder.read")
    assert not exists("components.training.losses.no_such_loss")
    assert not exists("components.training.no_such_module")
    assert not exists("components.training.resumption.TrainingFolder.no_such_method")
