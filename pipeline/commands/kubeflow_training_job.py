"""`vocseg kubeflow training-job`: manifests that train a candidate on several workers."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from pipeline.commands.terminal import EXIT_FAILED, EXIT_USAGE, fail, not_installed, positive


def add_parser(kubeflow_commands: Any) -> None:
    """Adds `training-job` to the commands of `vocseg kubeflow`."""
    parser = kubeflow_commands.add_parser(
        "training-job",
        help="write a manifest that trains a candidate on several workers",
        description="Print a manifest for `kubectl apply`: one candidate of the configuration, trained by several pods "
        "on records that a run of the pipeline has made. Resources, volumes and secrets are those that `kubeflow` has "
        "for the candidate's node.",
    )
    parser.add_argument("--preset", default="demo", metavar="NAME|FILE.yaml", help="the configuration (default: demo)")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides", help="override a setting"
    )
    parser.add_argument("--candidate", required=True, metavar="NAME", help="which of the configuration's candidates")
    parser.add_argument("--image", required=True, metavar="IMAGE", help="the containers' image, with tag or digest")
    parser.add_argument("--workers", type=positive, default=2, metavar="N", help="how many pods (default: 2)")
    parser.add_argument(
        "--examples", required=True, metavar="URI", help="VocExampleGen's output: gs://…, s3://…, or a path in a volume"
    )
    parser.add_argument("--model-to", required=True, metavar="URI", help="where the model goes, reached by all workers")
    parser.add_argument(
        "--kind",
        choices=("tfjob", "trainjob"),
        default="tfjob",
        help="for the Training Operator, or for Kubeflow Trainer (default: tfjob)",
    )
    parser.add_argument("--namespace", metavar="NAME", help="of the job (default: kubectl's)")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write here (default: print)")
    parser.set_defaults(command=_training_job, interrupted="interrupted; nothing was written")


def _training_job(options: argparse.Namespace) -> int:
    try:
        from pipeline.config.loading import load_config
        from pipeline.config.problems import ConfigError
        from pipeline.kubeflow.training_job import as_yaml, training_job
    except ModuleNotFoundError as error:
        return fail(not_installed(error, "kubeflow", "kubeflow"), EXIT_USAGE)
    try:
        config = load_config(options.preset, overrides=options.overrides)
        manifests = training_job(
            config,
            options.candidate,
            kind=options.kind,
            image=options.image,
            workers=options.workers,
            examples=options.examples,
            output=options.model_to,
            namespace=options.namespace,
        )
    except ConfigError as error:
        return fail(str(error), EXIT_USAGE)
    text = as_yaml(manifests)
    if options.output is None:
        print(text, end="")  # noqa: T201
        return 0
    try:
        options.output.write_text(text)
    except OSError as error:
        return fail(f"{options.output} can't be written: {error.strerror}", EXIT_FAILED)
    print(f"wrote {options.output}")  # noqa: T201
    return 0
