from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.measuring.machine import Machine
from benchmarks.measuring.results import Results
from benchmarks.measuring.row import Row, Target
from benchmarks.measuring.table import markdown_table, number, results_text


def test_the_table_of_results_says_where_and_what_was_measured() -> None:
    rows = (
        Row("reading", "the codecs alone", "ms/record", ((2.0, 2.5), (3.0, 3.0)), remark="two threads"),
        Row("start", "Python", "s", ((0.45, 0.05),), Target(0.3, of="value")),
        Row("evaluation", "bare prediction", "s", ((9.0, 10.0),), Target(0.95)),
    )
    machine = Machine("CPU", 2, 25.3, "glibc 2.36", 1.25)
    assert results_text(Results(rows, machine, {"numpy": "2.0"}, quick=True)).splitlines() == [
        "CPU, 2 cores, 25 GB of memory, glibc 2.36, load 1.2 at the start; quick run on the embedded sample; numpy 2.0",
        "",
        "| what       | measured       | reference      | ratio | range                   | target           "
        "| compared with                 |",
        "| ---------- | -------------- | -------------- | ----- | ----------------------- | ---------------- "
        "| ----------------------------- |",
        "| reading    | 2.50 ms/record | 2.75 ms/record | 0.900 | 0.800 to 1.00, 2 rounds |                  "
        "| the codecs alone; two threads |",
        "| start      | 0.450 s        | 0.0500 s       | 9.00  | 9.00 to 9.00, 1 round   | ≤ 0.3 s: NOT MET "
        "| Python                        |",
        "| evaluation | 9.00 s         | 10.0 s         | 0.900 | 0.900 to 0.900, 1 round | ≤ 0.95: met      "
        "| bare prediction               |",
    ]


@given(st.floats(1e-3, 1e9))
def test_numbers_have_three_significant_digits(value: float) -> None:
    text = number(value)
    assert "e" not in text
    assert float(text.replace(",", "")) == pytest.approx(value, rel=5.1e-3)
    assert len(text.replace(",", "").replace(".", "").lstrip("0")) == (3 if value < 999.5 else len(f"{value:.0f}"))


def test_a_bar_in_a_cell_makes_no_column() -> None:
    assert markdown_table(["a", "b"], [["x|y", "z"]]) == "| a    | b   |\n| ---- | --- |\n| x\\|y | z   |"
