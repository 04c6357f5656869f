"""The pages in mkdocs.yml exist, and every page is in it; without MkDocs itself, which `make docs` installs."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import yaml

from docs_generator.api_pages import PAGES as API_PAGES
from docs_generator.site_paths import PAGES

PROJECT = Path(__file__).parents[2]


class _Loader(yaml.SafeLoader):
    """Reads the names of Python objects as nothing."""


_Loader.add_multi_constructor("tag:yaml.org,2002:python/", lambda *_: None)


def _pages(nav: Any) -> list[str]:
    if isinstance(nav, str):
        return [nav]
    return [page for item in (nav.values() if isinstance(nav, dict) else nav) for page in _pages(item)]


def test_the_navigation_has_every_page_once() -> None:
    settings = yaml.load((PROJECT / "mkdocs.yml").read_text(), _Loader)
    written = {file.name for file in (PROJECT / "docs").glob("*.md")} | set(PAGES.values())
    generated = {f"reference/{name}.md" for name in ("commands", "settings", "presets")}
    generated |= {f"reference/api/{name}.md" for name in API_PAGES}
    assert sorted(_pages(settings["nav"])) == sorted(written | generated)
    assert settings["strict"] is True


def test_the_modules_of_the_reference_exist() -> None:
    modules = [module for _, modules in API_PAGES.values() for module in modules]
    assert len(modules) == len(set(modules)) > 25
    for module in modules:
        assert importlib.util.find_spec(module) is not None, module
