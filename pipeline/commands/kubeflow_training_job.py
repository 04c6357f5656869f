"""`vocseg kubeflow training-job`: writes a manifest that trains a candidate on several workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.commands.terminal import (
    EXIT_FAILED,
    EXIT_USAGE,
    add_override_option,
    fail,
    local_path,
    not_installed,
    positive,
    say,
)

if TYPE_CHECKING:
    import argparse

    from pipeline.commands.terminal import CommandGroup


def add_parser(kubeflow_commands: CommandGroup) -> None:
    """Adds `training-job` to the commands of `vocseg kubeflow`."""
    parser = kubeflow_commands.add_parser(
        "training-job",
        help="write a manifest that trains a candidate on several workers",
        description="Print a manifest for `kubectl apply` that trains one candidate of the configuration in several "
        "pods, on records that a run of the pipeline has written. Resources, volumes and secrets are those of the "
        "candidate's node in the section `kubeflow`.",
    )
    parser.add_argument("--preset", default="demo", metavar="NAME|FILE.yaml", help="the configuration (default: demo)")
    add_override_option(parser, "override a setting")
    parser.add_argument("--candidate", required=True, metavar="NAME", help="the candidate to train")
    parser.add_argument("--image", required=True, metavar="IMAGE", help="the containers' image, with tag or digest")
    parser.add_argument("--workers", type=positive, default=2, metavar="N", help="number of pods (default: 2)")
    parser.add_argument(
        "--examples", required=True, metavar="URI", help="VocExampleGen's output: gs://…, s3://…, or a path in a volume"
    )
    parser.add_argument(
        "--model-to", required=True, metavar="URI", help="where the model is written: gs://…, s3://…, or in a volume"
    )
    parser.add_argument(
        "--kind",
        choices=("tfjob", "trainjob"),
        default="tfjob",
        help="a manifest for the Training Operator (tfjob) or for Kubeflow Trainer (trainjob) (default: tfjob)",
    )
    parser.add_argument("--namespace", metavar="NAME", help="namespace of the job (default: that of kubectl)")
    parser.add_argument(
        "--output", type=local_path, metavar="FILE", help="write the manifest to FILE (default: print it)"
    )
    parser.set_defaults(command=_training_job, interrupted="interrupted; nothing was written")


def _training_job(options: argparse.Namespace) -> int:
    try:
        from pipeline.config.loading import load_config
        from pipeline.config.problems import ConfigError
        from pipeline.kubeflow.training_job import as_yaml, training_job
        from tfds_voc_seg.disk_errors import write_reason
        from tfds_voc_seg.storage import write_text_whole
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
        write_text_whole(options.output, text)
    except OSError as error:
        return fail(f"{options.output} cannot be written: {write_reason(error)}", EXIT_FAILED)
    say(f"wrote {options.output}")
    return 0
