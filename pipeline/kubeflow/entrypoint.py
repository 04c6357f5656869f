"""The command that containers run on the open-source Kubeflow Pipelines.

Compiled specifications contain the name of this module:

    python -m pipeline.kubeflow.entrypoint --executor_class_path … --json_serialized_invocation_args '{{$}}' …
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from components.allocator import (
    collect_garbage_rarely,
    configure_allocators,
    loading_libraries,
    with_frames_in_one_chunk,
)
from tfds_voc_seg.storage import use_fsspec_for_s3

if TYPE_CHECKING:
    from collections.abc import Sequence


@with_frames_in_one_chunk
def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one node, through `pipeline.kubeflow.node.run`.

    Args:
        arguments: the arguments that TFX's compiler writes; unknown ones are passed to Beam.
    """
    parser = argparse.ArgumentParser(prog="python -m pipeline.kubeflow.entrypoint", allow_abbrev=False)
    parser.add_argument("--executor_class_path", required=True)
    parser.add_argument("--json_serialized_invocation_args", required=True)
    parser.add_argument("--json_serialized_inputs_spec_args", required=True)
    options, beam_args = parser.parse_known_args(arguments)
    use_fsspec_for_s3(options.json_serialized_invocation_args)
    with loading_libraries():
        from pipeline.kubeflow.node.run import run_node

    run_node(options, beam_args)


if __name__ == "__main__":
    configure_allocators()
    collect_garbage_rarely()
    main(sys.argv[1:])
