from __future__ import annotations

from typing import Annotated, Any, Literal

import pydantic
import pytest

from components.strict_config import StrictConfig
from components.training.config import TrainingConfig
from docs_generator.settings_page import Setting, sections_of, settings_page, type_text
from pipeline.config.schema import RunConfig


class _Part(StrictConfig):
    """A part.

    Attributes:
        share: a share, over
            two lines.
    """

    share: float = pydantic.Field(default=0.5, ge=0, lt=1)


class _Whole(StrictConfig):
    """A whole.

    Attributes:
        name: its name.
        part: its part.
        nodes: `None`, or the nodes.
    """

    name: str
    part: _Part = _Part()
    nodes: list[_Part] | None = None


def test_sections_follow_the_classes() -> None:
    whole, part = sections_of(_Whole)
    assert (whole.key, whole.text, part.key, part.text) == ("", "A whole.", "part", "A part.")
    assert whole.settings == (
        Setting("name", "text", "", "its name."),
        Setting("nodes", "list of mapping with `share` or `null`", "null", "`null`, or the nodes."),
    )
    assert part.settings == (Setting("part.share", "number, ≥ 0 and < 1", "0.5", "a share, over\ntwo lines."),)


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        (int | None, "whole number or `null`"),
        (Literal["a", "b"], "`a` or `b`"),
        (dict[str, Any], "mapping of text to any value"),
        (tuple[float, float], "list of 2: number, number"),
        (tuple[str, ...], "list of text"),
        (Annotated[int, pydantic.Field(gt=3, le=9)], "whole number, > 3 and ≤ 9"),
        (list[_Part], "list of mapping with `share`"),
    ],
)
def test_types_are_words(annotation: Any, text: str) -> None:
    assert type_text(annotation) == text


def test_every_setting_has_a_meaning() -> None:
    settings = [item for section in sections_of(RunConfig) for item in section.settings]
    assert len(settings) > 90
    assert [item.key for item in settings if not (item.meaning and item.type)] == []
    page = settings_page()
    assert all(f"| `training.{name}` | " in page for name in set(TrainingConfig.model_fields) - {"augmentation"})
