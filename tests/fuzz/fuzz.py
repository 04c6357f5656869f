"""Fuzzes a target with atheris: `python -m tests.fuzz.fuzz TARGET CORPUS [options of libFuzzer]`; `make fuzz` runs all.

The corpus is a folder; if it is empty it gets the seeds and the saved inputs, then every input that reaches a new path.
A finding ends the run with an exit status that is not 0, and is written to a file that libFuzzer names.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

_INSTRUMENTED = [
    "PIL", "pipeline.config", "pipeline.prediction.photos", "tarfile", "tfds_voc_seg.devkit", "tfds_voc_seg.download",
    "tfds_voc_seg.image_limits", "tfds_voc_seg.importers", "tfds_voc_seg.label_set", "tfds_voc_seg.label_set_files",
    "yaml",
]  # fmt: skip
"""Packages in which the fuzzer looks for new paths."""


def main() -> None:
    """Fuzzes the target that the command line names."""
    name, folder, *options = sys.argv[1:]
    with atheris.instrument_imports(include=_INSTRUMENTED):
        from tests.fuzz.targets import TARGETS, saved_inputs

        target = TARGETS[name]
        for content in (b"", *target.seeds()):
            target.run(content)  # imports
    corpus = Path(folder)
    corpus.mkdir(parents=True, exist_ok=True)
    if not any(corpus.iterdir()):
        for number, seed in enumerate((*target.seeds(), *saved_inputs(name))):
            (corpus / f"seed_{number:03}").write_bytes(seed)
    atheris.Setup([sys.argv[0], str(corpus), *options], target.run, internal_libfuzzer=True)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
