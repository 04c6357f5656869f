"""`vocseg kubeflow compile` for each preset, with its check: time, peak memory and size of the specification.

    python -m benchmarks.kubeflow_compile

Each measurement starts the command in a new process. The reference is a bare `import tfx.v1`, with which the programs
of TFX's own templates begin. A quick run compiles the preset `demo` only.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measuring.command import main
from benchmarks.measuring.row import Row, Target
from benchmarks.measuring.timing import PYTHON, VOCSEG, command_seconds, in_turns, paired, time_and_peak

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.measuring.options import Options


def rows(options: Options) -> Iterator[Row]:
    """Yields a row per preset."""
    from pipeline.config.loading import preset_names

    with tempfile.TemporaryDirectory() as folder:
        for preset in options.size(preset_names(), ["demo"]):
            yield row_of_preset(preset, Path(folder) / f"{preset}.yaml", options)


def row_of_preset(preset: str, output: Path, options: Options) -> Row:
    """Measures the compilation of a preset to a file."""
    command = [*VOCSEG, "kubeflow", "compile", "--preset", preset, "--output", str(output)]
    command += ["--image", "registry.example/voc-seg:0.1.0", "--pipeline-root", "s3://bucket/voc-seg"]
    peaks: list[float] = []

    def compile_seconds() -> float:
        taken, peak = time_and_peak(*command)
        peaks.append(peak)
        return taken

    rounds = in_turns(
        options.rounds_of(full=2, quick=1), compile_seconds, lambda: command_seconds(PYTHON, "-c", "import tfx.v1")
    )
    remark = f"peak {max(peaks):.2f} GB, {output.stat().st_size / 1e3:.0f} kB of YAML"
    name = f"`vocseg kubeflow compile --preset {preset}`"
    return Row(name, "`import tfx.v1`", "s", paired(rounds), Target(60, of="value"), remark)


if __name__ == "__main__":
    main(rows)
