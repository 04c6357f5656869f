from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.measuring.machine import Machine, describe_machine, installed_versions
from benchmarks.measuring.results import Results, ResultsError, read_results, write_results
from benchmarks.measuring.row import Row, Target

if TYPE_CHECKING:
    from pathlib import Path

six_digits = st.floats(1e-3, 1e6).map(lambda value: float(f"{value:.6g}"))
some_rows = st.builds(
    Row,
    st.text(min_size=1),
    st.text(),
    st.sampled_from(["s", "GB"]),
    st.lists(st.tuples(six_digits, six_digits), min_size=1, max_size=3).map(tuple),
    st.none() | st.builds(Target, six_digits, st.sampled_from(["ratio", "value"])),
    st.text(),
)


@given(st.lists(some_rows, max_size=4, unique_by=lambda row: (row.name, row.reference)).map(tuple), st.booleans())
def test_results_are_read_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, rows: tuple[Row, ...], quick: bool
) -> None:
    file = tmp_path_factory.mktemp("results") / "new" / "bench.json"
    results = Results(rows, describe_machine(), installed_versions(), quick=quick)
    write_results(file, results)
    assert read_results(file) == results


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not a file of results"),
        ("[]", "is not a file of results"),
        ('{"rows": []}', "machine: Field required"),
    ],
)
def test_another_file_is_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "bench.json").write_text(content)
    with pytest.raises(ResultsError, match=message):
        read_results(tmp_path / "bench.json")
    with pytest.raises(ResultsError, match=r"none\.json cannot be read: No such file"):
        read_results(tmp_path / "none.json")


def test_the_values_of_a_file_are_checked(tmp_path: Path) -> None:
    write_results(
        tmp_path / "bench.json", Results((Row("a", "b", "s", ((1, 2),)),), describe_machine(), {}, quick=True)
    )
    text = (tmp_path / "bench.json").read_text()
    assert "[1, 2]" in text or "[1.0, 2.0]" in text
    (tmp_path / "bench.json").write_text(text.replace("[1", "[-1"))
    with pytest.raises(ResultsError, match=r"rows\.0: .*pairs of positive numbers are needed"):
        read_results(tmp_path / "bench.json")


def test_a_pair_of_name_and_reference_occurs_once() -> None:
    row, other = Row("video", "loop", "s", ((1, 2),)), Row("video", "bare", "s", ((1, 2),))
    assert len(Results((row, other), describe_machine(), {}, quick=True).rows) == 2
    with pytest.raises(ValueError, match="rows with the same name and reference: video"):
        Results((row, row), describe_machine(), {}, quick=True)


def test_machines_are_compared_without_their_load() -> None:
    machine = Machine("CPU", 2, 8.0, "glibc 2.36", 0.0)
    assert machine.same_hardware(Machine("CPU", 2, 8.0, "glibc 2.36", 7.5))
    assert not machine.same_hardware(Machine("CPU", 4, 8.0, "glibc 2.36", 0.0))
    assert describe_machine().cores > 0
    assert installed_versions()["numpy"][0].isdigit()
