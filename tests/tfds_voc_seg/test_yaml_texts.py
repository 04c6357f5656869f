"""YAML of any origin is read or refused with one error; the cases are findings of the fuzz targets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from pipeline.config.loading import load_config
from pipeline.config.problems import ConfigError
from tfds_voc_seg.label_set import LabelSetError
from tfds_voc_seg.label_set_files import read_label_set
from tfds_voc_seg.yaml_texts import MAX_DEPTH, YamlError, parse_documents, parse_yaml

if TYPE_CHECKING:
    from pathlib import Path

ALIASES = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9))
MERGES = "a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 9))

INVALID = {
    "nested lists": ("[" * 3000, "more than 50 collections"),
    "nested mappings": ("".join(f"{' ' * depth}a:\n" for depth in range(60)), "more than 50 collections"),
    "a date that does not exist": ("a: 2012-13-01", "month must be in 1..12"),
    "a number of 5,000 digits": (f"a: {'9' * 5000}", "a value cannot be read"),
    "no whole number": ("a: !!int b", "a value cannot be read"),
    "no number": ("a: !!float b", "a value cannot be read"),
    "no truth value": ("a: !!bool b", "a value cannot be read"),
    "no date": ("a: !!timestamp b", "a value cannot be read"),
    "an object of Python": ("a: !!python/object/apply:os.getcwd []", "could not determine a constructor"),
    "aliases of aliases": (ALIASES, "its aliases stand for more than 1,000,000 values"),
    "a list in itself": ("a: &a [*a]", "or for themselves"),
    "merges of merges": (MERGES, "merging with << gives more than 10,000 keys"),
    "two documents": ("a: 1\n---\nb: 2", "more than one document"),
}


@pytest.mark.parametrize("name", INVALID)
def test_invalid_texts_are_refused(name: str, tmp_path: Path) -> None:
    text, message = INVALID[name]
    with pytest.raises(YamlError, match=message) as refused:
        parse_yaml(text)
    assert "\n" not in str(refused.value)
    file = tmp_path / "file.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match="not valid YAML"):
        load_config(str(file))
    with pytest.raises(ConfigError, match="not valid YAML"):
        load_config("demo", overrides=[f"training={text}"])
    with pytest.raises(LabelSetError, match="is not valid YAML"):
        read_label_set(file)


@pytest.mark.parametrize(
    "text",
    ["", "a", "a: &a [1, 2]\nb: *a", "a: &a {x: 1}\nb: {<<: *a, y: 2}", "[" * (MAX_DEPTH - 2) + "]" * (MAX_DEPTH - 2)],
)
def test_valid_texts_are_read_as_by_pyyaml(text: str) -> None:
    assert parse_yaml(text) == yaml.safe_load(text)


def test_documents_are_listed() -> None:
    assert parse_documents("a: 1\n---\n- b\n") == [{"a": 1}, ["b"]]
