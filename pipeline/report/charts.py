"""Inline SVG: bars with whiskers, and training curves. The colours come from the page's CSS, for its dark mode."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence

from markupsafe import Markup, escape

NUM_SERIES = 6
"""The number of colours for candidates; further candidates reuse them."""

_WIDTH, _HEIGHT = 420, 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 98, 12, 34  # margins of a line chart; the right one holds the names
_LABEL_HEIGHT = 14
_LONGEST_NAME = 13  # characters

_Scale = Callable[[float], float]


@dataclasses.dataclass(frozen=True)
class Line:
    """A line of a chart.

    Attributes:
        name: the candidate's name.
        series: the number of its colour.
        values: the value after each epoch, from epoch 1; `None` for an epoch without a value.
        dashed: draw the line thin and dashed, and without its name.
    """

    name: str
    series: int
    values: Sequence[float | None]
    dashed: bool = False


def axis_end(values: Sequence[float | None]) -> float:
    """Returns the end of an axis of shares: a round number of at most 1 that is not below any value.

    Without any value it is 1.
    """
    highest = max((value for value in values if value is not None), default=1.0)
    return next((end for end in (0.05, 0.1, 0.2, 0.4, 0.6, 0.8) if highest <= end), 1.0)


def bar(value: float | None, end: float, series: int, interval: Sequence[float] | None = None) -> Markup:
    """Draws a horizontal bar that starts at 0, with whiskers if there is an interval. It shows no number.

    Args:
        value: the bar's length; `None` draws an empty bar.
        end: the value at the right edge.
        series: the number of the colour, 0 for the model in service.
        interval: low and high end of the whiskers.
    """
    marks = [Markup('<rect class="track" width="100%" height="10" y="7" rx="2"/>')]
    if value is not None:
        width = _percent(value, end)
        marks.append(Markup(f'<rect class="fill s{series}" width="{width}" height="10" y="7" rx="2"/>'))
    if interval is not None:
        low, high = (_percent(side, end) for side in interval)
        marks += [
            Markup(f'<line class="whisker" x1="{x1}" x2="{x2}" y1="{y1}" y2="{y2}"/>')
            for x1, x2, y1, y2 in ((low, high, 12, 12), (low, low, 6, 18), (high, high, 6, 18))
        ]
    return Markup('<svg class="bar" height="24" aria-hidden="true" focusable="false">{}</svg>').format(
        Markup().join(marks)
    )


def line_chart(title: str, lines: Sequence[Line], highest: float | None = None) -> Markup:
    """Draws lines over the epochs, each with its name at its end.

    Args:
        title: the label for screen readers.
        lines: the lines.
        highest: the largest allowed end of the value axis; by default the axis covers all values.
    """
    values = [value for line in lines for value in line.values if value is not None and math.isfinite(value)]
    epochs = max((len(line.values) for line in lines), default=1)
    top = max(values, default=1.0) or 1.0
    step = _round_step(top / 5)
    top = math.ceil(top / step - 1e-9) * step
    if highest is not None:
        top = min(top, highest)

    def x_of(epoch: float) -> float:
        inside = _WIDTH - _LEFT - _RIGHT
        return _LEFT + (inside * (epoch - 1) / (epochs - 1) if epochs > 1 else inside / 2)

    def y_of(value: float) -> float:
        return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * min(value, top) / top

    parts = [*_value_axis(top, step, y_of), *_epoch_axis(epochs, x_of)]
    for line in lines:
        parts += _line(line, x_of, y_of)
    parts += _names([line for line in lines if not line.dashed], x_of, y_of)
    return Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        _WIDTH, _HEIGHT, title, Markup().join(parts)
    )


def _percent(value: float, end: float) -> str:
    return f"{100 * min(max(value / end, 0), 1):.2f}%"


def _round_step(least: float) -> float:
    """Returns the smallest number of the form 1, 2, 5 or 10 times a power of ten that is not below `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * (1 - 1e-9))


def _value_axis(top: float, step: float, y_of: _Scale) -> list[Markup]:
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    parts = []
    for number in range(round(top / step + 0.25) + 1):
        y = y_of(number * step)
        parts.append(Markup(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'))
        parts.append(Markup(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" class="end">{number * step:.{digits}f}</text>'))
    return parts


def _epoch_axis(epochs: int, x_of: _Scale) -> list[Markup]:
    step = max(1, round(_round_step(epochs / 6)))
    shown = sorted({1, *range(step, epochs + 1, step)} - ({step + 1} if step > 1 else set()))
    y = _HEIGHT - _BOTTOM
    labels = [Markup(f'<text x="{x_of(epoch):.1f}" y="{y + 16}" class="middle">{epoch}</text>') for epoch in shown]
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    return [*labels, Markup(f'<text x="{middle}" y="{_HEIGHT - 3}" class="middle">epoch</text>')]


def _line(line: Line, x_of: _Scale, y_of: _Scale) -> list[Markup]:
    """Draws a line with gaps where values are missing, and a dot for a value between two gaps."""
    commands: list[str] = []
    parts: list[Markup] = []
    before: float | None = None
    classes = f"curve c{line.series}{' dashed' if line.dashed else ''}"
    for epoch, value in enumerate(line.values, start=1):
        if value is not None and math.isfinite(value):
            commands.append(f"{'L' if before is not None else 'M'}{x_of(epoch):.1f} {y_of(value):.1f}")
            value_after = line.values[epoch] if epoch < len(line.values) else None
            if before is None and value_after is None:
                parts.append(
                    Markup(f'<circle class="dot s{line.series}" cx="{x_of(epoch):.1f}" cy="{y_of(value):.1f}" r="3"/>')
                )
            before = value
        else:
            before = None
    return [Markup(f'<path class="{classes}" d="{"".join(commands)}"/>'), *parts]


def _names(lines: Sequence[Line], x_of: _Scale, y_of: _Scale) -> list[Markup]:
    """Draws the names at the ends of the lines; moves them apart if they would overlap."""
    ends = []
    for line in lines:
        known = [(epoch, value) for epoch, value in enumerate(line.values, 1) if value is not None]
        if known:
            ends.append((y_of(known[-1][1]), x_of(known[-1][0]), line))
    ends.sort(key=lambda end: end[0])
    parts, lowest = [], -math.inf
    bottom = _HEIGHT - _BOTTOM
    for number, (y, x, line) in enumerate(ends):
        # Below the previous name, and above the space that the following names need.
        y = max(min(y, bottom - _LABEL_HEIGHT * (len(ends) - 1 - number)), lowest + _LABEL_HEIGHT)
        lowest = y
        name = line.name if len(line.name) <= _LONGEST_NAME else f"{line.name[: _LONGEST_NAME - 1]}…"
        parts.append(Markup(f'<text class="name t{line.series}" x="{x + 7:.1f}" y="{y + 4:.1f}">{escape(name)}</text>'))
    return parts
