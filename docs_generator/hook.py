"""What MkDocs calls: it adds the generated pages and the project's other pages, and rewrites the links of all pages."""

from __future__ import annotations

import functools
import posixpath
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File

from docs_generator.api_pages import PAGES as API_PAGES
from docs_generator.api_pages import api_page
from docs_generator.commands_page import commands_page
from docs_generator.markdown import block, without_marks
from docs_generator.presets_page import presets_page
from docs_generator.settings_page import settings_page
from docs_generator.site_paths import DOCS, PAGES, SOURCES, rewrite_links, site_path
from pipeline.cli import command_parser

if TYPE_CHECKING:
    from collections.abc import Callable

    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

PROJECT = Path(__file__).parents[1]

GENERATED: dict[str, Callable[[], str]] = {
    "reference/commands.md": lambda: commands_page(command_parser()),
    "reference/settings.md": settings_page,
    "reference/presets.md": presets_page,
    **{f"reference/api/{name}.md": functools.partial(api_page, name) for name in API_PAGES},
}
"""Page → the function that writes its Markdown."""

_LANGUAGES = {".py": "python", ".yaml": "yaml", ".cff": "yaml", ".toml": "toml", ".sh": "bash"}


MERMAID = next((PROJECT / "build").glob("mermaid-*.min.js"), None)
"""What draws the diagrams, if `make docs` could fetch it; without it, MkDocs Material loads it from unpkg.com."""

_MERMAID_PLACE = "assets/mermaid.min.js"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Makes the pages load mermaid from the site."""
    if MERMAID:
        config.extra_javascript.append(_MERMAID_PLACE)
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages that are not in `docs`, and a page for each source file that a page links to."""
    sources: set[str] = set()
    pages = {file.relative_to(PROJECT).as_posix() for file in (PROJECT / DOCS).glob("*.md")} | set(PAGES)
    for page in sorted(pages):
        text = rewrite_links((PROJECT / page).read_text(), page, sources.add)
        place = site_path(page)
        if existing := files.get_file_from_path(place):
            files.remove(existing)
        files.append(File.generated(config, place, content=without_marks(text)))
    for place, write in GENERATED.items():
        files.append(File.generated(config, place, content=write()))
    for source in sorted(sources):
        if site_path(source).startswith(SOURCES) and (PROJECT / source).is_file():
            files.append(File.generated(config, site_path(source), content=_source_page(source)))
    if MERMAID:
        files.append(File.generated(config, _MERMAID_PLACE, abs_src_path=str(MERMAID)))
    return files


def _source_page(source: str) -> str:
    language = _LANGUAGES.get(posixpath.splitext(source)[1], "text")
    return f"# {source}\n\n{block((PROJECT / source).read_text(), language)}"
