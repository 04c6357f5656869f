"""Every link in the project's Markdown files to a file or to a heading leads somewhere."""

from __future__ import annotations

import functools
import re
import subprocess
from pathlib import Path
from urllib.parse import unquote

import pytest

PROJECT = Path(__file__).parents[1]
_FOLDERS = ("", ".github", "benchmarks", "components", "docs", "kubeflow", "pipeline", "tests", "tfds_voc_seg")
PAGES = sorted(
    {
        page.relative_to(PROJECT).as_posix()
        for folder in _FOLDERS
        for page in (PROJECT / folder).glob("**/*.md" if folder else "*.md")
    }
)
_CODE_BLOCK = re.compile(r"^(```|~~~).*?^\1|^(?: {4}|\t).*$|<!--.*?-->", re.DOTALL | re.MULTILINE)
_LINK = re.compile(
    r"\]\(\s*<?([^)\s>]+)[^)]*\)|<(?:img|a)\b[^>]*\b(?:src|href)=\"([^\"]+)\"|^\[[^\]]+\]:\s*(\S+)", re.M
)


def links_of(text: str) -> list[str]:
    """Returns the targets of a page's links and pictures, without those to other machines."""
    text = re.sub(r"`[^`\n]*`", "", _without_code(text))
    targets = [next(filter(None, found.groups())) for found in _LINK.finditer(text)]
    return [target for target in targets if not re.match(r"[a-z][a-z0-9+.-]*:", target)]


def anchors_of(text: str) -> set[str]:
    """Returns the anchors that GitHub gives a page's headings, and those that the page sets itself."""
    anchors: set[str] = set(re.findall(r"<a\s+(?:id|name)=\"([^\"]+)\"", text))
    counts: dict[str, int] = {}
    for heading in re.findall(r"^#{1,6}[ \t]+(.+?)[ \t]*#*$", _without_code(text, indented=False), re.MULTILINE):
        shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        anchor = re.sub(r"[^\w\- ]", "", shown.lower()).replace(" ", "-")
        number = counts.get(anchor, 0)
        counts[anchor] = number + 1
        anchors.add(f"{anchor}-{number}" if number else anchor)
    return anchors


def _without_code(text: str, *, indented: bool = True) -> str:
    return _CODE_BLOCK.sub(lambda block: "" if indented or not block[0].startswith((" ", "\t")) else block[0], text)


@functools.cache
def _anchors(page: Path) -> set[str]:
    return anchors_of(page.read_text())


def problem_of(target: str, page: Path) -> str | None:
    """Returns what is wrong with a link, or `None`."""
    path, _, anchor = target.partition("#")
    file = (page.parent / unquote(path)) if path else page
    if not file.exists():
        return f"{target}: the file does not exist"
    if anchor and file.suffix == ".md" and anchor not in _anchors(file):
        return f"{target}: {file.name} has no such heading; it has {', '.join(sorted(_anchors(file)))}"
    return None


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    file = PROJECT / page
    assert [problem for target in links_of(file.read_text()) if (problem := problem_of(target, file))] == []


def test_all_pages_are_checked() -> None:
    if not (PROJECT / ".git").exists():
        pytest.skip("not a git checkout, so the list of files is not known")
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(listed.stdout.splitlines()) <= set(PAGES)


def test_wrong_links_are_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A `code` heading: of [two](other.md) parts\n## Twice\n## Twice\n```bash\n# no heading\n[not](a/link)\n```\n"
        "[a](other.md) ![b](<picture.png> 'title') [c](#twice-1) [d](#no-heading) [e](https://example.org/x)\n"
        '[f](page.md#a-code-heading-of-two-parts) `[g](h)` <img src="i.png">\n'
    )
    assert links_of(page.read_text()) == [
        "other.md",
        "other.md",
        "picture.png",
        "#twice-1",
        "#no-heading",
        "page.md#a-code-heading-of-two-parts",
        "i.png",
    ]
    problems = [problem_of(target, page) for target in links_of(page.read_text())]
    assert [str(problem).partition(":")[0] for problem in problems if problem] == [
        "other.md",
        "other.md",
        "picture.png",
        "#no-heading",
        "i.png",
    ]
