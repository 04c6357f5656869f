"""Runs mutmut on one part, for `tests/mutation/run.py`, in a process of its own: mutmut's state is global."""

from __future__ import annotations

import argparse
import json
import random
import shutil
from pathlib import Path

from mutmut.__main__ import cli
from mutmut.configuration import config
from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.mutation.file_mutation import mutate_file_contents
from mutmut.stats import status_by_exit_code
from mutmut.utils.format_utils import get_mutant_name

from tests.mutation.parts import FOUND, read_parts


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
    cli(["run", "--max-children", "2", *_sampled(given.modules, given.sample)], standalone_mode=False)

    statuses: dict[str, dict[str, str]] = {}
    for module in given.modules:
        file = SourceFileMutationData(path=Path(module))
        file.load()
        statuses[module] = {
            name: status_by_exit_code[code] for name, code in file.exit_code_by_key.items() if code is not None
        }
    given.result.write_text(json.dumps(statuses, indent=1))
    for module, mutants in statuses.items():
        for mutant, status in mutants.items():
            if status not in FOUND:
                print(f"{status}: {mutant}\n{get_diff_for_mutant(mutant, path=module)}")


def _sampled(modules: list[str], sample: int) -> list[str]:
    """Chooses mutants of each module at random, the same in each run; none, which means all, if the sample is 0."""
    names: list[str] = []
    for module in modules if sample else ():
        made = mutate_file_contents(module, Path(module).read_text()).mutant_names
        chosen = random.Random(0).sample(made, min(sample, len(made)))
        names += [get_mutant_name(Path(module), name) for name in chosen]
    return names


if __name__ == "__main__":
    main()
