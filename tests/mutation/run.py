"""Mutation testing: `python -m tests.mutation.run [--sample N] [PART or MODULE ...]`; `make mutation` runs it.

mutmut changes one expression at a time in the modules that `[tool.voc-seg.mutation]` in pyproject.toml lists, and runs
the tests that execute the changed function. Prints how many of these mutants the tests notice, per module. The exit
status is 1 if it is less than `MINIMUM_SHARE` of all. `build/mutation/` gets a log per part, which lists the others.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys

from tests.mutation.parts import PROJECT, Share, chosen_modules, read_parts, shares_of, total

MINIMUM_SHARE = 0.85


def main() -> None:
    """Runs the parts one after the other and prints the table."""
    parser = argparse.ArgumentParser(prog="make mutation")
    parser.add_argument(
        "--sample", type=int, default=0, help="the number of mutants per module, at random; 0 means all"
    )
    parser.add_argument("words", nargs="*", metavar="PART or MODULE")
    given = parser.parse_args()
    try:
        chosen = chosen_modules(read_parts(), given.words)
    except ValueError as error:
        parser.error(str(error))
    shares: list[Share] = []
    for part, modules in chosen.items():
        shares += _mutate(part, modules, given.sample)
    print(f"{'module':50} {'killed':>6} {'survived':>8} {'share':>8}")
    for share in (*shares, everything := total("all", shares)):
        print(share)
    if everything.share < MINIMUM_SHARE:
        sys.exit(f"less than {100 * MINIMUM_SHARE:.0f} % of the mutants are killed; build/mutation/ lists the others")


def _mutate(part: str, modules: tuple[str, ...], sample: int) -> list[Share]:
    folder = PROJECT / "build/mutation"
    folder.mkdir(parents=True, exist_ok=True)
    result, log = folder / f"{part}.json", folder / f"{part}.log"
    print(f"mutating {part}: {', '.join(modules)}; see {log.relative_to(PROJECT)}", flush=True)
    with log.open("wb") as output:
        command = [sys.executable, "-m", "tests.mutation.mutate", part, str(result), str(sample), *modules]
        finished = subprocess.run(command, cwd=PROJECT, stdout=output, stderr=subprocess.STDOUT, check=False)
    if finished.returncode:
        sys.exit(f"mutmut stopped with status {finished.returncode}: see {log.relative_to(PROJECT)}")
    return shares_of(json.loads(result.read_text()))


if __name__ == "__main__":
    main()
