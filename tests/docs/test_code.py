"""The Python code on the pages uses names that exist, and the YAML settings that exist."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.docs.pages import PAGES, PROJECT, SHELLS, Block, blocks_of
from tests.docs.setting_keys import is_setting
from tests.test_architecture_page import PACKAGES, exists

if TYPE_CHECKING:
    from collections.abc import Iterator

BLOCKS = [block for page in PAGES for block in blocks_of(page)]
LABEL_SET = {"classes", "background", "void", "masks"}
"""The keys of a `labels.yaml`."""


RUN_BY = {
    "README.md": "tests/docs/test_tutorial.py",
    "docs/beam.md": "tests/tfds_voc_seg/conversion/test_beam_options.py",
    "docs/predict.md": "tests/pipeline/prediction/test_predict_guide.py",
    "docs/scale.md": "tests/tfds_voc_seg/conversion/test_beam_options.py",
    "docs/serving.md": "tests/components/saved_model/test_serving_guide.py",
    "docs/tracking.md": "tests/e2e/test_tracking.py",
    "docs/tutorial.md": "tests/docs/test_tutorial.py",
    "docs/video_and_demo.md": "tests/pipeline/prediction/video/test_video_guide.py",
}
"""Page → the test that runs its Python code."""

REPEATED = ("docs/own_network.md", "docs/runs.md")
"""Pages whose Python code is the README's."""

NOT_RUN = {
    "docs/publishing.md": "excerpts of docs/serving.md",
    "docs/targets.md": "needs a file that `vocseg export` wrote",
    "docs/transfer.md": "needs the run of a detector",
    "tfds_voc_seg/README.md": "downloads VOC2012",
}


def of_language(language: str) -> list[Any]:
    return [pytest.param(block, id=str(block)) for block in BLOCKS if block.language == language]


def missing_names(code: str) -> list[str]:
    """Returns the names of the project that some code imports and that do not exist."""
    names = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return [name for name in names if name.partition(".")[0] in PACKAGES and not exists(name)]


def keys_of(settings: Any, prefix: str = "") -> Iterator[str]:
    """Yields the dotted keys of all values that are not mappings."""
    if not isinstance(settings, dict):
        yield prefix.removesuffix(".")
        return
    for key, value in settings.items():
        yield from keys_of(value, f"{prefix}{key}.")


@pytest.mark.parametrize("block", of_language("python"))
def test_python_code_imports_what_exists(block: Block) -> None:
    assert missing_names(block.text) == []


@pytest.mark.parametrize("block", of_language("yaml"))
def test_settings_exist(block: Block) -> None:
    settings = yaml.safe_load(block.text)
    if not set(settings) <= LABEL_SET:
        assert [key for key in keys_of(settings) if not is_setting(key)] == []


def test_no_block_has_another_language() -> None:
    known = {*SHELLS, "python", "yaml", "text", "mermaid"}
    assert [str(block) for block in BLOCKS if block.language not in known] == []


def test_wrong_names_and_keys_are_found() -> None:
    assert missing_names("from components.training.losses import dice, no_such") == [
        "components.training.losses.no_such"
    ]
    assert list(keys_of({"data": {"image_size": 3}, "name": "a"})) == ["data.image_size", "name"]
    assert is_setting("candidates.mine.training.augmentation.scale")
    assert not is_setting("candidates.mine.training.augmentation.scales")


def test_the_readme_is_short() -> None:
    assert len((PROJECT / "README.md").read_text().split()) <= 1200


def test_python_code_is_run_by_a_test_or_there_is_a_reason() -> None:
    pages = {block.page for block in BLOCKS if block.language == "python"}
    assert pages == {*RUN_BY, *REPEATED, *NOT_RUN}
    for page, test in RUN_BY.items():
        assert page in (PROJECT / test).read_text(), f"{test} does not read {page}"
    of_the_readme = {block.text for block in blocks_of("README.md")}
    for page in REPEATED:
        assert next(block.text for block in blocks_of(page) if block.language == "python") in of_the_readme, page
