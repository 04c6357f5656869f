"""Results in a file: rows, machine and versions as JSON."""

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from benchmarks.measuring.machine import Machine
from benchmarks.measuring.row import Row
from tfds_voc_seg.storage import write_text_whole


class ResultsError(Exception):
    """A file of results that cannot be used; the message names it and says why."""


@dataclasses.dataclass(frozen=True)
class Results:
    """What a run of the benchmarks measured.

    Attributes:
        rows: in the order of the table.
        machine: where.
        versions: package → version.
        quick: whether the sizes were those of a quick run; its ratios are not those of a full run.
        devkit: whether it measured on a devkit of the user, and not on the sample.
    """

    rows: tuple[Row, ...]
    machine: Machine
    versions: dict[str, str]
    quick: bool
    devkit: bool = False

    def __post_init__(self) -> None:
        """Checks the names.

        Raises:
            ValueError: two rows have the same name and reference.
        """
        names = [(row.name, row.reference) for row in self.rows]
        twice = [row.name for row in self.rows if names.count((row.name, row.reference)) > 1]
        if twice:
            raise ValueError(f"rows with the same name and reference: {', '.join(twice)}")


_RESULTS: TypeAdapter[Results] = TypeAdapter(Results)


def write_results(file: Path, results: Results) -> None:
    """Writes results as JSON; floats have six significant digits."""
    file.parent.mkdir(parents=True, exist_ok=True)
    content = json.loads(_RESULTS.dump_json(results), parse_float=lambda text: float(f"{float(text):.6g}"))
    text = re.sub(r"\[\s+([^\s,]+),\s+([^\s,]+)\s+\]", r"[\1, \2]", json.dumps(content, indent=1))  # a pair per line
    write_text_whole(file, text + "\n")


def read_results(file: Path) -> Results:
    """Reads results.

    Raises:
        ResultsError: the file cannot be read, or is not a file of results.
    """
    try:
        return _RESULTS.validate_json(file.read_bytes())
    except OSError as error:
        raise ResultsError(f"{file} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first: Any = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the content"
        raise ResultsError(
            f"{file} is not a file of results, as `python -m benchmarks --json FILE` writes it: {place}: {first['msg']}"
        ) from error
