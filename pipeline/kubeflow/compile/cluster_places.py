"""The locations of a run's data on a cluster, and which of them are parameters of the run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfx.orchestration.data_types import RuntimeParameter

from components.run_files import SERVING_FOLDER, TRAINING_FOLDER
from pipeline.config.problems import ConfigError
from pipeline.places import Places
from tfds_voc_seg.storage import OBJECT_STORES

if TYPE_CHECKING:
    from pipeline.config.kubeflow import KubeflowConfig
    from pipeline.config.schema import RunConfig

DEVKIT_PARAMETER = "devkit"
PUBLISH_PARAMETER = "publish_to"
EPOCHS_PARAMETER = "epochs"

DESCRIPTIONS = {
    DEVKIT_PARAMETER: "The folder that holds JPEGImages: a URI, or a path in a mounted volume.",
    PUBLISH_PARAMETER: "The folder of model versions: a URI, or a path in a mounted volume.",
    EPOCHS_PARAMETER: "How many epochs each candidate trains; 0 for what the configuration says.",
}
"""The description of each parameter on KFP's web page."""


def cluster_places(
    config: RunConfig, pipeline_root: str, *, devkit: str | None = None, publish_to: str | None = None
) -> Places:
    """Returns the locations of a run's data on a cluster. They contain no path of the compiling machine.

    Args:
        config: the whole run.
        pipeline_root: the URI where the backend stores the artifacts.
        devkit: default value of the parameter `devkit`. If None, the configured devkit is the default, provided that
            it is a URI or a path in a volume; otherwise the parameter has no default and each run must set it.
        publish_to: default value of the parameter `publish_to`. If None, it is `serving` below the pipeline root,
            provided that containers can write there; otherwise each run must set it.

    Raises:
        ConfigError: a location that containers cannot reach.
    """
    configured_devkit = config.data.devkit if _is_reachable(config.kubeflow, config.data.devkit) else None
    devkit = devkit or configured_devkit
    # Only KFP's launcher can open minio://, so containers cannot write below such a root.
    writable_root = pipeline_root.rstrip("/") if pipeline_root.startswith(OBJECT_STORES) else None
    publish_to = publish_to or (f"{writable_root}/{SERVING_FOLDER}" if writable_root else None)
    training_state = config.kubeflow.training_state
    if training_state is None:
        training_state = f"{writable_root}/{TRAINING_FOLDER}" if writable_root else ""
    for name, place in (("devkit", devkit), ("publish-to", publish_to), ("training state", training_state)):
        if place and not _is_reachable(config.kubeflow, place):
            raise ConfigError(
                f"{name}: {place} is a path on this machine; give a URI (gs://, s3://), or a path below one of "
                f"kubeflow.volumes ({config.kubeflow.volume_paths})"
            )
    return Places(
        devkit=RuntimeParameter(DEVKIT_PARAMETER, ptype=str, default=devkit),
        devkit_fingerprint="",  # unknown when compiling: each run may use another devkit
        pipeline_root=pipeline_root,
        serving_folder=RuntimeParameter(PUBLISH_PARAMETER, ptype=str, default=publish_to),
        serving_state="",
        training_folder=training_state.rstrip("/"),
        metadata_file="",
        epochs=RuntimeParameter(EPOCHS_PARAMETER, ptype=int, default=0),
    )


def _is_reachable(settings: KubeflowConfig, place: str) -> bool:
    """Whether containers can reach a location: a URI other than `file://`, or a path in a volume."""
    if "://" in place:
        return not place.startswith("file://")
    return settings.in_volume(place)


def parameter_defaults(places: Places) -> dict[str, str | int | None]:
    """Maps each parameter to its default value; `None` means that each run must set it."""
    parameters = (places.devkit, places.serving_folder, places.epochs)
    return {parameter.name: parameter.default for parameter in parameters if isinstance(parameter, RuntimeParameter)}
