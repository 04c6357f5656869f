"""No word or phrase that makes our text hard to read, in docs, names, comments and strings.

The list holds figures of speech, contractions, and "a" in the sense of "per" (say "files per split"). It cannot replace
a reader. Python files are parsed, not imported.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

PROJECT = Path(__file__).parents[1]
PYTHON_FOLDERS = (
    "tfds_voc_seg",
    "components",
    "pipeline",
    "benchmarks",
    "clusters",
    "docs_generator",
    "kubeflow",
    "tests",
)
TEXT_FILES = (
    "README.md",
    "CHANGELOG.md",
    "CITATION.cff",
    "CONTRIBUTING.md",
    "SECURITY.md",
    ".github/*.md",
    ".github/**/*.yml",
    "docs/*.md",
    "docs/*.css",
    "kubeflow/README.md",
    "kubeflow/Dockerfile",
    "kubeflow/*.sh",
    "kubeflow/manifests/*.yaml",
    "tfds_voc_seg/README.md",
    "pipeline/presets/*.yaml",
    "pipeline/**/*.jinja",
    "pipeline/**/*.html",
    "pipeline/**/*.js",
    "pipeline/**/*.css",
    "Makefile",
    "mkdocs.yml",
    "pyproject.toml",
)

PLURALS = (
    "batches|boxes|bytes|candidates|cells|channels|characters|classes|colours|detections|devices|epochs|examples|"
    "files|folders|frames|images|inputs|kB|lines|MB|GB|models|nodes|objects|pages|pairs|parts|photos|pictures|pixels|"
    "positives|records|rows|seconds|seeds|shards|steps|tiles|values|words|workers"
)
UNITS = (
    "axis|batch|branch|candidate|category|cell|chart|class|component|day|epoch|example|execution|field|figure|file|folder|"
    "format|frame|group|hour|image|item|job|key|layer|line|machine|minute|model|module|network|node|object|option|page|"
    "pair|part|photo|picture|pixel|place|pod|positive|preset|problem|process|record|replica|row|run|second|section|seed|"
    "set|setting|shard|side|size|slice|split|step|task|test|tile|training|video|word|worker|year"
)

FORBIDDEN = {
    rf"({PLURALS}) an? ({UNITS})\b": "say `per`",
    rf"(one|once|twice|each|three) an? ({UNITS})\b": "say `per`",
    rf"an? ({UNITS}) (an? ({UNITS})|each)\b": "say `one … per …`",
    r"(ca|wo|do|does|did|is|are|was|were|has|have|had|should|would|could|must)n['’]t\b": "write `not` or `cannot`",
    r"(it|that|there|what|who|here)['’]s\b|(we|you|they)['’](re|ve|ll)\b": "write it in full",
    r"anew\b": "say `again` or `regenerate`",
    r"(go|goes|going|gone|went) on\b": "say `continue` or `resume`",
    r"who fails\b": "say what fails: `a failed candidate`",
    r"(is|are|was|were|be|been) through\b": "say `has finished`",
    r"(mend|mends|mended|mending)\b": "say `fix` or `repair`; of TFX's and KFP's errors, `work around`",
    r"nobody (looks|knows|has|serves)\b": "name what happens: `is discarded`, `is ignored`",
    r"has spoken\b": "say `has decided`",
    r"goes first\b": "say `ranks first` or `runs first`",
    r"beyond luck\b": "say `statistically significant`",
    r"one's own\b": "say `your own`",
    r"(can|cannot|could|to) be had\b": "say `is (not) available`",
    r"(?<!there[\s\S])(is|are|was|were) none\b(?! of)": "say `does not exist` or `is missing`",
    r"(that|which|it|they|already|not) (is|are|was|were) there\b|(is|are|was|were) not there\b": "say `exists`",
    r"will not do\b": "say `is invalid`",
    r"what is left of\b": "name it",
    r"in vain\b": "say `without success`",
    r"says of itself\b|say of itself\b": "say `describes`",
    r"by the clock\b": "say `on a schedule`",
    r"for people\b|a person here\b": "name the reader, or leave it out",
    r"came to\b": "say `resulted in`, `reached`",
    r"has it that\b|by whose word\b|own word\b": "name the source",
    r"looked at\b": "say `checked`, `read`, or `is ignored`",
    r"besides(?=[.,;:)])": "say `also` or `in addition`",
    r"whoever\b|whatever becomes\b": "name the actor",
    r"impatient\b|stairs\b": "say what it is",
}
"""Pattern, from the beginning of a word → what to write instead."""

ALLOWED: dict[tuple[str, str], str] = {
    ("pipeline/report/templates/data.html.jinja", "is none"): "a test of Jinja's",
}
"""File and phrase → why it stays."""

_ALTERNATIVES = "|".join(f"(?P<p{number}>{pattern})" for number, pattern in enumerate(FORBIDDEN))
_PATTERN = re.compile(rf"\b(?:{_ALTERNATIVES})".replace(" ", r"\s+"), re.IGNORECASE)
_COMMENT = re.compile(r"^[ \t]*#(.*(?:\n[ \t]*#.*)*)|(?<=  )# (.*)$", re.MULTILINE)


def python_texts(source: str) -> Iterator[tuple[int, str]]:
    """Line and text of each string, comment, and name of a function or class."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name.replace("_", " ")
    for comment in _COMMENT.finditer(source):
        yield source.count("\n", 0, comment.start()) + 1, re.sub(r"\n[ \t]*#", "\n", comment[1] or comment[2] or "")


def findings(file: Path) -> Iterator[str]:
    """One line per forbidden phrase in a file."""
    name, source = file.relative_to(PROJECT).as_posix(), file.read_text()
    texts = python_texts(source) if file.suffix == ".py" else [(1, source)]
    for line, text in texts:
        for found in _PATTERN.finditer(text):
            phrase = " ".join(found[0].split())
            if (name, phrase) not in ALLOWED:
                advice = list(FORBIDDEN.values())[int(str(found.lastgroup)[1:])]
                yield f"{name}:{line + text.count(chr(10), 0, found.start())}: {phrase!r}: {advice}"


def project_files() -> list[Path]:
    """Returns the files with text that people read, without this one."""
    python = [file for folder in PYTHON_FOLDERS for file in (PROJECT / folder).rglob("*.py")]
    return sorted({*python, *(file for pattern in TEXT_FILES for file in PROJECT.glob(pattern))} - {Path(__file__)})


def test_no_forbidden_phrase() -> None:
    files = project_files()
    assert len(files) > 300
    assert [finding for file in files for finding in findings(file)] == []


def test_every_exception_is_needed() -> None:
    for name, phrase in ALLOWED:
        text = " ".join((PROJECT / name).read_text().split())
        assert phrase in text, f"{name} does not contain {phrase!r}: remove the exception"


def test_findings_name_file_line_and_phrase(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "module.py"
    file.write_text(
        '"""Writes four files a\n    split."""\n\n\ndef mend_all():  # it can\'t be\n    # one\n    # a split\n'
        '    return (f"{1} is made "\n        "anew")\n'
    )
    monkeypatch.setattr(f"{__name__}.PROJECT", tmp_path)
    found = [": ".join(finding.split(": ")[:2]) for finding in findings(file)]
    assert sorted(found) == [
        """module.py:1: 'files a split'""",
        """module.py:5: "can't\"""",
        """module.py:5: 'mend'""",
        """module.py:6: 'one a split'""",
        """module.py:8: 'anew'""",
    ]
