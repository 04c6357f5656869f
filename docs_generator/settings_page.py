"""The page of all settings, from the classes of the configuration and their docstrings."""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
import types
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
import docstring_parser
import pydantic

from components.strict_config import StrictConfig
from docs_generator.markdown import code, table
from pipeline.config.schema import RunConfig
from tfds_voc_seg.label_set import LabelSet

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pydantic.fields import FieldInfo

_INTRODUCTION = """# Settings

A preset is a YAML file with these keys; `--set KEY=VALUE` changes one: `--set training.epochs=5`. In a key, `NAME` and
`NODE` stand for names of yours. A setting without a default must be given.
"""

_NAMED = {"candidates": "NAME", "nodes": "NODE"}
_BOUNDS = ((annotated_types.Ge, "≥"), (annotated_types.Gt, ">"), (annotated_types.Le, "≤"), (annotated_types.Lt, "<"))

_TYPES = {
    Any: "any value",
    LabelSet: "file",
    bool: "`true` or `false`",
    float: "number",
    int: "whole number",
    str: "text",
    type(None): "`null`",
}


@dataclasses.dataclass(frozen=True)
class Setting:
    """A setting of a run.

    Attributes:
        key: the dotted key, such as `training.epochs`.
        type: the type with its range.
        default: the default as YAML; empty if the setting must be given.
        meaning: its text in the docstring of the class.
    """

    key: str
    type: str
    default: str
    meaning: str


@dataclasses.dataclass(frozen=True)
class Section:
    """The settings of one class.

    Attributes:
        key: the dotted key of the section; empty for the run itself.
        text: the description of the class.
        settings: the settings that are no sections.
    """

    key: str
    text: str
    settings: tuple[Setting, ...]


def settings_page() -> str:
    """Returns the page as Markdown: a table per section of the configuration."""
    parts = [_INTRODUCTION]
    for section in sections_of(RunConfig):
        parts.append(f"## {section.key or 'The run'}\n\n{section.text}\n")
        rows = [(code(item.key), item.type, code(item.default), item.meaning) for item in section.settings]
        if rows:
            parts.append(table(("key", "type", "default", "meaning"), rows))
    return "\n".join(parts)


def sections_of(model: type[StrictConfig], key: str = "") -> Iterator[Section]:
    """Yields the section of a class, then those of its fields; a class that is used twice appears once."""
    yield from _sections(model, key, set())


def _sections(model: type[StrictConfig], key: str, seen: set[type]) -> Iterator[Section]:
    seen.add(model)
    meanings = attributes_of(model)
    prefix = f"{key}." if key else ""
    settings, inner = [], []
    for name, field in model.model_fields.items():
        section = _section_class(field.annotation)
        place = f"{prefix}{name}" + (f".{_NAMED[name]}" if name in _NAMED else "")
        if section is not None and section not in seen:
            inner.append((section, place))
        else:
            text = type_text(field.annotation, field.metadata) if section is None else f"as the section `{name}`"
            default = _default(field) if section is None else ""
            settings.append(Setting(f"{prefix}{name}", text, default, meanings[name]))
    yield Section(key, _description(model), tuple(settings))
    for section, place in inner:
        yield from _sections(section, place, seen)


def attributes_of(model: type) -> dict[str, str]:
    """Returns name → text of the attributes in the docstrings of a class and its bases."""
    texts: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if issubclass(base, pydantic.BaseModel) or dataclasses.is_dataclass(base):
            parsed = docstring_parser.google.parse(
                re.sub(r"\n\n(?= +\w+: )", "\n", inspect.cleandoc(base.__doc__ or ""))
            )
            texts |= {item.arg_name: (item.description or "").replace("`None`", "`null`") for item in parsed.params}
    return texts


def type_text(annotation: Any, metadata: Sequence[Any] = ()) -> str:
    """Returns a type and its range in words."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return type_text(arguments[0], (*metadata, *arguments[1:]))
    bounds = [
        f"{sign} {getattr(item, kind.__name__.lower())}"
        for item in _flat(metadata)
        for kind, sign in _BOUNDS
        if isinstance(item, kind)
    ]
    text = _plain_type(annotation, origin, arguments)
    return f"{text}, {' and '.join(bounds)}" if bounds else text


def _plain_type(annotation: Any, origin: Any, arguments: tuple[Any, ...]) -> str:
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(type_text(item) for item in arguments))
    if origin is Literal:
        return " or ".join(code(str(item)) for item in arguments)
    if origin is dict:
        return f"mapping of {type_text(arguments[0])} to {type_text(arguments[1])}"
    if origin is tuple and arguments[-1] is not Ellipsis:
        return f"list of {len(arguments)}: {', '.join(type_text(item) for item in arguments)}"
    if origin in (list, tuple):
        return f"list of {type_text(arguments[0])}"
    if isinstance(annotation, type) and issubclass(annotation, StrictConfig):
        return f"mapping with {', '.join(code(name) for name in annotation.model_fields)}"
    return _TYPES[annotation]


def _flat(metadata: Sequence[Any]) -> Iterator[Any]:
    for item in metadata:
        if isinstance(item, pydantic.fields.FieldInfo):
            yield from item.metadata
        else:
            yield item


def _section_class(annotation: Any) -> type[StrictConfig] | None:
    """Returns the class of a section: the annotation's own, that of its values, or that which may also be `null`."""
    candidates = [annotation, *get_args(annotation)]
    if get_origin(annotation) is list:
        return None
    return next((item for item in candidates if isinstance(item, type) and issubclass(item, StrictConfig)), None)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return ""
    value = field.get_default(call_default_factory=True)
    return "" if isinstance(value, LabelSet) else json.dumps(value, ensure_ascii=False)


def _description(model: type[StrictConfig]) -> str:
    parsed = docstring_parser.google.parse(inspect.cleandoc(model.__doc__ or ""))
    return "\n\n".join(filter(None, (parsed.short_description, parsed.long_description)))
