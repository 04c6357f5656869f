"""`vocseg run` on the embedded sample: time and peak memory of a first and a second run, and the resulting metrics.

    python -m benchmarks.demo_run

Each run starts the command in a new process. The reference is a bare `import tfx.v1`, which every run needs.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from benchmarks._measuring import time_and_peak
from components.run_files import SUMMARY_FILE


def main() -> None:
    """Measures and prints the table."""
    with tempfile.TemporaryDirectory() as folder:
        run = [sys.executable, "-m", "pipeline.cli", "run", "--output", folder]
        rows = {"import tfx.v1": time_and_peak(sys.executable, "-c", "import tfx.v1"), "first run": time_and_peak(*run)}
        first = json.loads((Path(folder) / SUMMARY_FILE).read_text())
        rows["second run"] = time_and_peak(*run)
        second = json.loads((Path(folder) / SUMMARY_FILE).read_text())
    reference = rows["import tfx.v1"][0]
    print(f"{'':14}{'seconds':>9}{'× import':>10}{'peak GB':>9}")
    for name, (seconds, gigabytes) in rows.items():
        print(f"{name:14}{seconds:9.1f}{seconds / reference:10.1f}{gigabytes:9.2f}")
    print()
    print(f"{'candidate':14}{'mIoU':>9}{'parameters':>12}{'training s':>12}")
    for name, figures in first["candidates"].items():
        print(f"{name:14}{figures['mean_iou']:9.4f}{figures['parameters']:12,}{figures['train_seconds']:12.1f}")
    print(f"\nfirst run: {first['reason']}\nsecond run: {second['reason']}; cached: {', '.join(second['cached'])}")


if __name__ == "__main__":
    main()
