"""Where a file of the project is in the site, and the links of a page rewritten to there.

Pages are written for readers of the repository: a link is relative to the page's own file. In the site the pages of
`docs` lie at the top, other Markdown files of the project are pages too, and a linked source file becomes a page that
shows it.
"""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

DOCS = "docs/"

PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CODE_OF_CONDUCT.md": "code_of_conduct.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "kubeflow/README.md": "kubeflow_guide.md",
    "tfds_voc_seg/README.md": "dataset.md",
}
"""Markdown files outside of `docs` → their pages."""

REFERENCE = {
    "components/training/config.py": "reference/settings.md#training",
    "pipeline/config/kubeflow.py": "reference/settings.md#kubeflow",
    "pipeline/config/tracking.py": "reference/settings.md#tracking",
    "pipeline/config/schema.py": "reference/settings.md",
    "pipeline/presets": "reference/presets.md",
    "tfds_voc_seg/record_config.py": "reference/settings.md#data",
}
"""Sources → the page that is generated from them."""

SOURCES = "source/"
"""The folder of the pages that show a source file."""

_SKIPPED = r"^(?P<fence>```|~~~).*?^(?P=fence)|`[^`\n]*`"
_LINK = re.compile(
    rf"{_SKIPPED}|(?<=\]\()(?P<markdown>[^)\s]+)(?=\))|(?<=src=\")(?P<html>[^\"]+)(?=\")", re.DOTALL | re.MULTILINE
)
_OTHER_PLACE = re.compile(r"[a-z][a-z0-9+.-]*:|#")


def site_path(path: str) -> str:
    """Returns the place in the site of a file or folder of the project; its anchor, if any, follows a `#`.

    Args:
        path: relative to the project's folder.
    """
    path = path.rstrip("/")
    if path.startswith(DOCS):
        return path.removeprefix(DOCS)
    return PAGES.get(path) or REFERENCE.get(path) or f"{SOURCES}{path}.md"


def rewrite_links(text: str, source: str, on_target: Callable[[str], None] = lambda _: None) -> str:
    """Returns a page's Markdown with its links to files of the project leading to their places in the site.

    Args:
        text: the page as written in the repository.
        source: the page's file, relative to the project's folder.
        on_target: is called with the file that each link leads to, relative to the project's folder.
    """
    page_folder = posixpath.dirname(site_path(source))

    def rewritten(found: re.Match[str]) -> str:
        target = found["markdown"] or found["html"]
        if target is None or _OTHER_PLACE.match(target):
            return found[0]
        path, _, anchor = target.partition("#")
        file = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        on_target(file)
        place, _, own_anchor = site_path(file).partition("#")
        anchor = anchor or own_anchor
        return posixpath.relpath(place, page_folder or ".") + (f"#{anchor}" if anchor else "")

    return _LINK.sub(rewritten, text)
