"""`vocseg kubeflow compile` for each preset, with its check: time, peak memory and size of the specification.

    python -m benchmarks.kubeflow_compile

Each measurement starts the command in a new process. The reference is a bare `import tfx.v1`, which every compilation
needs. The target is at most 60 s.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmarks._measuring import time_and_peak
from pipeline.config.loading import preset_names


def main() -> None:
    """Measures and prints the table."""
    print(f"{'':<20}{'seconds':>9}{'peak GB':>9}{'kB':>7}")
    seconds, gigabytes = time_and_peak(sys.executable, "-c", "import tfx.v1")
    print(f"{'import tfx.v1':<20}{seconds:>9.1f}{gigabytes:>9.2f}")
    with tempfile.TemporaryDirectory() as folder:
        for preset in preset_names():
            output = Path(folder) / f"{preset}.yaml"
            command = [sys.executable, "-m", "pipeline.cli", "kubeflow", "compile", "--preset", preset]
            command += ["--image", "registry.example/voc-seg:0.1.0", "--pipeline-root", "s3://bucket/voc-seg"]
            seconds, gigabytes = time_and_peak(*command, "--output", str(output))
            print(f"{preset:<20}{seconds:>9.1f}{gigabytes:>9.2f}{output.stat().st_size / 1e3:>7.0f}")


if __name__ == "__main__":
    main()
