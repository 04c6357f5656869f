"""Parses the `key=value` texts of the option `--set`."""

from __future__ import annotations

from typing import Any

from tfds_voc_seg.yaml_texts import YamlError, parse_yaml


class AssignmentError(ValueError):
    """A text is not a valid assignment; the message says why, without the text itself."""


def split_assignment(text: str, form: str) -> tuple[str, str]:
    """Splits `key=value` at the first equals sign.

    Args:
        text: the text.
        form: how such a text looks, for the error message, such as `key=value`.

    Returns:
        The key and the value's text, which may be empty.

    Raises:
        AssignmentError: the text has no equals sign, or nothing before it.
    """
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise AssignmentError(f"write {form}")
    return key, value


def yaml_value(text: str) -> Any:
    """Parses a value as YAML: `3` is a number, `true` a boolean, `[a, b]` a list.

    Raises:
        AssignmentError: the text is not valid YAML.
    """
    try:
        return parse_yaml(text)
    except YamlError as error:
        raise AssignmentError("the value is not valid YAML") from error
