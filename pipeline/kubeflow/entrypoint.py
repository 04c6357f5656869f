"""The command of the containers on the open-source Kubeflow Pipelines.

python -m pipeline.kubeflow.entrypoint --executor_class_path … --json_serialized_invocation_args '{{$}}' …
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from tfds_voc_seg.storage import use_fsspec_for_s3


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one node; `pipeline.kubeflow.node.run` says what is done.

    Args:
        arguments: TFX's own, as its compiler writes them; what is not known goes to Beam.
    """
    parser = argparse.ArgumentParser(prog="python -m pipeline.kubeflow.entrypoint", allow_abbrev=False)
    parser.add_argument("--executor_class_path", required=True)
    parser.add_argument("--json_serialized_invocation_args", required=True)
    parser.add_argument("--json_serialized_inputs_spec_args", required=True)
    options, beam_args = parser.parse_known_args(arguments)
    use_fsspec_for_s3(options.json_serialized_invocation_args)
    from pipeline.kubeflow.node.run import run_node

    run_node(options, beam_args)


if __name__ == "__main__":
    main(sys.argv[1:])
