"""Trains one candidate outside the pipeline, on one machine or as one of several workers.

The containers of `vocseg kubeflow training-job` run this module; its name is part of the manifests. The environment
variable TF_CONFIG lists the workers: TFJob sets it, and the manifest of a TrainJob contains it. Every worker runs the
executor of SegmentationTrainer. The first worker writes OUTPUT/model (a SavedModel in Format-Serving, like the
pipeline's Model artifacts) and OUTPUT/model_run.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from typing import TYPE_CHECKING, Any

from etils import epath

from components.allocator import collect_garbage_rarely, configure_allocators, with_frames_in_one_chunk
from components.run_files import SAVED_MODEL_FILE
from tfds_voc_seg.storage import use_fsspec_for_s3

if TYPE_CHECKING:
    from collections.abc import Sequence

MODEL_FOLDER, MODEL_RUN_FOLDER = "model", "model_run"


@with_frames_in_one_chunk
def main(arguments: Sequence[str] | None = None) -> int:
    """Trains the candidate.

    Returns:
        0, or 2 if the output folder already contains a model. Errors of the training are raised.
    """
    options = _parser().parse_args(arguments)
    use_fsspec_for_s3(f"{options.examples} {options.output} {options.state_folder} {options.options}")
    model = epath.Path(options.output) / MODEL_FOLDER
    if (model / "Format-Serving" / SAVED_MODEL_FILE).exists():
        print(f"{model} already contains a model: choose another --output", file=sys.stderr)  # noqa: T201
        return 2
    with tempfile.TemporaryDirectory() as scratch:
        # the executor discards the results of the other workers; only the first one may write to the output folder
        _train(options, epath.Path(options.output) if _is_first_worker() else epath.Path(scratch))
    return 0


def _is_first_worker() -> bool:
    config = json.loads(os.environ.get("TF_CONFIG") or "{}")
    first = "chief" if "chief" in config.get("cluster", {}) else "worker"
    task = config.get("task", {"type": first, "index": 0})
    return bool(task["type"] == first and task["index"] == 0)


def _train(options: argparse.Namespace, output: epath.Path) -> None:
    from tfx.types import artifact_utils, channel_utils, standard_artifacts

    from components.segmentation_trainer import executor
    from components.segmentation_trainer.component import SegmentationTrainer
    from components.training.config import TrainingConfig
    from pipeline.trainer_fingerprint import trainer_fingerprint
    from tfds_voc_seg.devkit.splits import SPLITS

    def artifact(artifact_type: Any, uri: epath.Path) -> Any:
        created = artifact_type()
        created.uri = str(uri)
        return created

    examples = artifact(standard_artifacts.Examples, epath.Path(options.examples))
    examples.split_names = artifact_utils.encode_split_names(list(SPLITS))
    for folder in (MODEL_FOLDER, MODEL_RUN_FOLDER):  # left by an attempt that failed before it wrote the model
        (output / folder).rmtree(missing_ok=True)
    network_options = json.loads(options.options)
    component = SegmentationTrainer(
        examples=channel_utils.as_channel([examples]),
        candidate=options.candidate,
        network=options.network,
        options=network_options,
        training=TrainingConfig.model_validate_json(options.training),
        state_folder=options.state_folder,
        code_fingerprint=trainer_fingerprint(options.network, network_options),
    )
    outputs: dict[str, list[Any]] = {
        executor.MODEL_KEY: [artifact(standard_artifacts.Model, output / MODEL_FOLDER)],
        executor.MODEL_RUN_KEY: [artifact(standard_artifacts.ModelRun, output / MODEL_RUN_FOLDER)],
    }
    executor.Executor().Do({executor.EXAMPLES_KEY: [examples]}, outputs, component.exec_properties)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="train_candidate", description=__doc__, allow_abbrev=False)
    for name, explanation in (
        ("candidate", "name of the candidate"),
        ("network", "name of a network of this project, or module:function of your own network"),
        ("options", "options of the network, as JSON"),
        ("training", "the TrainingConfig, as JSON"),
        ("examples", "folder of an Examples artifact of this project"),
        ("output", "folder for the results, model and model_run"),
    ):
        parser.add_argument(f"--{name}", required=True, help=explanation)
    parser.add_argument(
        "--state-folder", default="", help="folder for the state after each epoch, so that a retry resumes"
    )
    return parser


if __name__ == "__main__":
    configure_allocators()
    collect_garbage_rarely()
    sys.exit(main())
