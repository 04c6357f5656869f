"""Compares results of the benchmarks with earlier ones, and names what became slower (or larger) beyond its spread.

    python -m benchmarks.compare benchmarks/baseline.json NEW

Both are files that `python -m benchmarks --json FILE` wrote. The ratios of a row are compared: they are measured
against a reference in the same run, so they can be compared between machines and versions, unlike the values. The
spread of a row is the range of its rounds' ratios, and at least 5 % around their median. A row is slower if its two
spreads have no ratio in common. The exit status is 1 if a row is slower, and 2 if the results cannot be compared.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.measuring.comparison import compare, comparison_table, differences
from benchmarks.measuring.results import ResultsError, read_results


def main() -> int:
    """Prints the comparison; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path, metavar="BASELINE", help="the earlier results")
    parser.add_argument("after", type=Path, metavar="NEW", help="the results to compare with them")
    arguments = parser.parse_args()
    try:
        before, after = read_results(arguments.before), read_results(arguments.after)
    except ResultsError as error:
        parser.error(str(error))
    if (before.quick, before.devkit) != (after.quick, after.devkit):
        parser.error("one is of a quick run and the other is not, or they measured on different data: measure again")
    changes = compare(before, after)
    if not any(change.before and change.after for change in changes):
        parser.error(f"{arguments.before} and {arguments.after} have no row in common")
    print(f"before: {before.machine}\nnow: {after.machine}\n\n{comparison_table(changes)}\n")
    for difference in differences(before, after):
        print(f"{difference}; ratios can be compared, values cannot")
    slower = [
        f"{change.after.name}, compared with {change.after.reference}"
        for change in changes
        if change.outcome == "slower" and change.after
    ]
    print("\n".join(f"slower: {name}" for name in slower) or "nothing is slower beyond its spread")
    return 1 if slower else 0


if __name__ == "__main__":
    sys.exit(main())
