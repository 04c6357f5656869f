"""A training of one candidate outside the pipeline, on one machine or as one of several workers.

What the containers of `vocseg kubeflow training-job` run. TF_CONFIG names the workers; TFJob sets it, and the manifest
of a TrainJob holds it. All run SegmentationTrainer's own executor, and the first worker writes OUTPUT/model (a
SavedModel under Format-Serving, as the pipeline's Model artifacts have it) and OUTPUT/model_run.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

from etils import epath

from components.run_files import SAVED_MODEL_FILE
from tfds_voc_seg.storage import use_fsspec_for_s3

MODEL_FOLDER, MODEL_RUN_FOLDER = "model", "model_run"


def main(arguments: Sequence[str] | None = None) -> int:
    """Trains; returns 2 where the output is taken, and lets a training's own errors through."""
    options = _parser().parse_args(arguments)
    use_fsspec_for_s3(f"{options.examples} {options.output} {options.state_folder}")
    model = epath.Path(options.output) / MODEL_FOLDER
    if (model / "Format-Serving" / SAVED_MODEL_FILE).exists():
        print(f"{model} holds a model already: name another --output", file=sys.stderr)  # noqa: T201
        return 2
    _train(options)
    return 0


def _train(options: argparse.Namespace) -> None:
    import tfx.v1  # noqa: F401  (first: it installs a stand-in that other libraries need)
    from tfx import types
    from tfx.types import artifact_utils, channel_utils, standard_artifacts

    from components.networks.names import network_path
    from components.segmentation_trainer import executor
    from components.segmentation_trainer.component import SegmentationTrainer
    from components.training.config import TrainingConfig
    from pipeline.code_fingerprint import code_fingerprint
    from tfds_voc_seg.devkit.splits import SPLITS

    def artifact(kind: type[types.Artifact], uri: epath.Path) -> types.Artifact:
        made = kind()
        made.uri = str(uri)
        return made

    examples = artifact(standard_artifacts.Examples, epath.Path(options.examples))
    examples.split_names = artifact_utils.encode_split_names(list(SPLITS))
    output = epath.Path(options.output)
    component = SegmentationTrainer(
        examples=channel_utils.as_channel([examples]),
        candidate=options.candidate,
        network=options.network,
        options=json.loads(options.options),
        training=TrainingConfig.model_validate_json(options.training),
        state_folder=options.state_folder,
        code_fingerprint=code_fingerprint(
            "components.segmentation_trainer.executor", network_path(options.network).partition(":")[0]
        ),
    )
    outputs: dict[str, list[Any]] = {
        executor.MODEL_KEY: [artifact(standard_artifacts.Model, output / MODEL_FOLDER)],
        executor.MODEL_RUN_KEY: [artifact(standard_artifacts.ModelRun, output / MODEL_RUN_FOLDER)],
    }
    executor.Executor().Do({executor.EXAMPLES_KEY: [examples]}, outputs, component.exec_properties)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="train_candidate", description=__doc__, allow_abbrev=False)
    for name, explanation in (
        ("candidate", "the candidate's name"),
        ("network", "a known network's name, or one's own as module:function"),
        ("options", "the network's options, JSON"),
        ("training", "how to train, JSON of TrainingConfig"),
        ("examples", "the folder of an Examples artifact of this project"),
        ("output", "gets model and model_run"),
    ):
        parser.add_argument(f"--{name}", required=True, help=explanation)
    parser.add_argument("--state-folder", default="", help="keeps the state after each epoch, so that a retry goes on")
    return parser


if __name__ == "__main__":
    sys.exit(main())
