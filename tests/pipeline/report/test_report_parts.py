"""The parts of the report: differences, heat maps, difference pictures and charts."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pipeline.report import charts
from pipeline.report.example_pictures import WRONG, difference
from pipeline.report.heat_map import heat_map_rows
from pipeline.report.models import compared_models, model_differences
from tfds_voc_seg.labels import VOID

if TYPE_CHECKING:
    from pipeline.report.contents import RunContents


def test_differences_begin_with_the_better_model(contents: RunContents, evaluation: dict[str, Any]) -> None:
    evaluation["differences"] = {
        "unet": {"fcn8": {"mean_iou": -0.2, "interval": [-0.3, -0.1]}},
        "in-service": {"fcn8": {"mean_iou": 0.05, "interval": [-0.01, 0.11]}},
    }
    found = model_differences(evaluation, compared_models(contents))
    first, second = found
    assert (first.better.name, first.worse.name, first.mean_iou, first.interval) == ("fcn8", "unet", 0.2, (0.1, 0.3))
    assert first.significant
    assert (second.better.name, second.worse.name, second.interval) == ("in-service", "fcn8", (-0.01, 0.11))
    assert not second.significant


def test_a_heat_map_is_normalised_by_row() -> None:
    rows = heat_map_rows([[9_996, 4, 0], [1, 1, 2], [0, 0, 0]], ["background", "dog", "cat"])
    assert [cell.text for cell in rows[0].cells] == [">99", "<1", "0"]
    assert [(cell.text, cell.step, cell.right) for cell in rows[1].cells] == [
        ("25", 2, False),
        ("25", 2, True),
        ("50", 5, False),
    ]
    assert (rows[2].pixels, rows[2].cells) == (0, ())


def test_wrong_pixels_are_painted_and_void_is_hatched() -> None:
    photo = np.full((12, 12, 3), 100, np.uint8)
    truth, predicted = np.zeros((12, 12), np.uint8), np.zeros((12, 12), np.uint8)
    truth[:4], predicted[:6] = VOID, 1
    picture = difference(photo, truth, predicted)
    assert (picture[4:6] == WRONG).all()
    assert not (picture[:4] == WRONG).all(axis=-1).any()
    assert len(np.unique(picture[6:].reshape(-1, 3), axis=0)) == 1  # correct pixels: pale grey
    assert len(np.unique(picture[:4].reshape(-1, 3), axis=0)) == 2  # void: hatched


def test_a_bar_ends_at_its_value_and_whiskers_at_the_interval() -> None:
    drawn = charts.bar(0.3, 0.6, 2, (0.15, 0.45))
    assert 'class="fill s2" width="50.00%"' in drawn
    assert 'x1="25.00%" x2="75.00%"' in drawn
    assert "fill" not in charts.bar(None, 1.0, 1)


def test_a_curve_is_broken_where_a_value_is_missing() -> None:
    drawn = charts.line_chart("loss", [charts.Line("fcn8", 1, [1.0, None, 0.5, 0.25])])
    path = re.search(r' d="([^"]*)"', drawn)
    assert path
    assert [path[1].count(command) for command in "ML"] == [2, 1]
    assert drawn.count("<circle") == 1  # the first epoch has no neighbour


def test_names_at_the_ends_of_curves_do_not_overlap() -> None:
    drawn = charts.line_chart("loss", [charts.Line(f"c{number}", number, [0.5, 0.5]) for number in range(1, 5)])
    heights = sorted(float(y) for y in re.findall(r'class="name[^>]* y="([\d.]+)"', drawn))
    assert len(heights) == 4
    assert all(after - before >= 13.9 for before, after in itertools.pairwise(heights))


@pytest.mark.parametrize("epochs", [1, 2, 7, 40, 500])
@pytest.mark.parametrize("highest_value", [0.0, 0.004, 0.7, 1.0, 23.0])
def test_axes_are_marked_at_round_numbers(epochs: int, highest_value: float) -> None:
    drawn = charts.line_chart("loss", [charts.Line("a", 1, [highest_value] * epochs)])
    marks = [float(mark) for mark in re.findall(r'class="end">([\d.]+)<', drawn)]
    assert 2 <= len(marks) <= 8
    assert marks[-1] >= highest_value
    assert len(set(marks)) == len(marks)
    shown = [int(epoch) for epoch in re.findall(r'class="middle">(\d+)<', drawn)]
    assert len(shown) <= 8
    assert shown[0] == 1
