"""A specification compiled, checked and written: whole, or not at all."""

from __future__ import annotations

import argparse
import uuid
from pathlib import Path

from pipeline.config.schema import RunConfig
from pipeline.kubeflow.compile.compiler import compile_spec
from pipeline.kubeflow.compile.spec_check import check_spec
from pipeline.kubeflow.compile.spec_file import read_spec


def compile_to_file(config: RunConfig, options: argparse.Namespace) -> list[str]:
    """Compiles; for the open-source backend the result has to pass the checker.

    Args:
        config: the whole run.
        options: of `vocseg kubeflow compile`.

    Returns:
        What the checker says. The file is written where it says nothing, and stays as it was otherwise.

    Raises:
        ConfigError: the configuration can't run on a cluster.
        OSError: the file can't be written.
    """
    text = compile_spec(
        config,
        image=options.image,
        pipeline_root=options.pipeline_root,
        target=options.target,
        devkit=options.devkit,
        publish_to=options.publish_to,
    )
    output: Path = options.output
    output.parent.mkdir(parents=True, exist_ok=True)
    temporary = output.with_name(f".{uuid.uuid4().hex}{output.suffix}")
    try:
        temporary.write_text(text)
        problems = check_spec(read_spec(temporary)) if options.target == "kubeflow" else []
        if not problems:
            temporary.replace(output)
    finally:
        temporary.unlink(missing_ok=True)
    return problems
