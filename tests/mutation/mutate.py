"""Runs mutmut on one part, for `tests/mutation/run.py`, in a process of its own: mutmut's state is global."""

from __future__ import annotations

import argparse
import json
import random
import shutil
from pathlib import Path

from mutmut.__main__ import cli, create_mutants
from mutmut.configuration import config
from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.stats import status_by_exit_code
from mutmut.utils.file_utils import copy_src_dir

from tests.mutation.parts import FOUND, read_parts

PROCESSES = 2


def main() -> None:
    """Mutates modules, runs the tests of their part per mutant, and writes module → mutant → status, as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("part")
    parser.add_argument("result", type=Path)
    parser.add_argument("sample", type=int)
    parser.add_argument("modules", nargs="+")
    given = parser.parse_args()
    settings = config()  # of pyproject.toml; mutmut keeps this object
    settings.only_mutate = given.modules
    settings.pytest_add_cli_args_test_selection = list(read_parts()[given.part].tests)
    shutil.rmtree("mutants", ignore_errors=True)  # mutmut would keep results of older tests
    cli(["run", "--max-children", str(PROCESSES), *_sampled(given.modules, given.sample)], standalone_mode=False)

    statuses = {
        module: {name: status_by_exit_code[code] for name, code in _codes(module).items() if code is not None}
        for module in given.modules
    }
    given.result.write_text(json.dumps(statuses, indent=1))
    for module, mutants in statuses.items():
        for mutant, status in mutants.items():
            if status not in FOUND:
                print(f"{status}: {mutant}\n{get_diff_for_mutant(mutant, path=module)}")


def _sampled(modules: list[str], sample: int) -> list[str]:
    """Chooses mutants of each module at random, the same in each run; none, which means all, if the sample is 0."""
    if not sample:
        return []
    Path("mutants").mkdir()
    copy_src_dir()
    create_mutants(PROCESSES)  # `mutmut run` then finds them
    made = [sorted(_codes(module)) for module in modules]
    return [name for names in made for name in random.Random(0).sample(names, min(sample, len(names)))]


def _codes(module: str) -> dict[str, int | None]:
    """Returns mutant → the exit status of its tests, which mutmut stored; `None` if they did not run."""
    file = SourceFileMutationData(path=Path(module))
    file.load()
    codes: dict[str, int | None] = file.exit_code_by_key
    return codes


if __name__ == "__main__":
    main()
