"""Reads YAML of any origin: without constructing objects, in bounded time and memory, and with one error."""

from __future__ import annotations

from typing import Any

import yaml

MAX_DEPTH = 50
"""Collections inside each other; PyYAML's time grows with the square of it, and its stack ends at about 300."""

MAX_VALUES = 1_000_000
"""Values after the replacement of aliases, which can refer to others that have aliases themselves."""

_MAX_KEYS = 10_000


class YamlError(ValueError):
    """A text is no valid YAML; the message is one line."""


def parse_yaml(text: str) -> Any:
    """Parses a text of one document.

    Raises:
        YamlError: the text is invalid, nested too deeply, or has too many values.
    """
    documents = parse_documents(text)
    if len(documents) > 1:
        raise YamlError("it has more than one document")
    return documents[0] if documents else None


def parse_documents(text: str) -> list[Any]:
    """Parses a text of any number of documents; raises as `parse_yaml` does."""
    try:
        documents = list(yaml.load_all(text, _Loader))
    except yaml.YAMLError as error:
        raise YamlError(" ".join(str(error).split())) from error
    except (ValueError, LookupError, AttributeError, TypeError) as error:  # PyYAML checks no number, date and !!type
        raise YamlError(f"a value cannot be read: {' '.join(str(error).split())[:200]}") from error
    if _count(documents, {}) > MAX_VALUES:
        raise YamlError(f"its aliases stand for more than {MAX_VALUES:,} values, or for themselves")
    return documents


class _Loader(yaml.SafeLoader):
    """Refuses deep nesting while it scans, and long merges while it constructs."""

    def fetch_flow_collection_start(self, token: Any) -> None:
        self._check_depth()
        super().fetch_flow_collection_start(token)

    def add_indent(self, column: int) -> bool:
        self._check_depth()
        added: bool = super().add_indent(column)
        return added

    def flatten_mapping(self, node: Any) -> None:
        super().flatten_mapping(node)
        if len(node.value) > _MAX_KEYS:
            raise yaml.YAMLError(f"merging with << gives more than {_MAX_KEYS:,} keys")

    def _check_depth(self) -> None:
        if self.flow_level + len(self.indents) > MAX_DEPTH:
            raise yaml.YAMLError(f"more than {MAX_DEPTH} collections are inside each other")


def _count(value: Any, counted: dict[int, int]) -> int:
    """Counts the values in a value; one that contains itself counts as more than `MAX_VALUES`."""
    if not isinstance(value, (list, tuple, set, dict)):
        return 1
    if id(value) not in counted:
        counted[id(value)] = MAX_VALUES + 1  # until it is counted
        parts = [*value, *value.values()] if isinstance(value, dict) else value
        counted[id(value)] = 1 + sum(_count(part, counted) for part in parts)
    return counted[id(value)]
