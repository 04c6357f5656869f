"""Where a run's data are on a cluster, and which of the places are parameters of the run."""

from __future__ import annotations

from collections.abc import Mapping

from tfx.orchestration.data_types import RuntimeParameter

from pipeline.config.problems import ConfigError
from pipeline.config.schema import RunConfig
from pipeline.places import Places
from tfds_voc_seg.storage import OBJECT_STORES

DEVKIT_PARAMETER = "devkit"
PUBLISH_PARAMETER = "publish_to"
EPOCHS_PARAMETER = "epochs"

DESCRIPTIONS = {
    DEVKIT_PARAMETER: "The folder that holds JPEGImages: a URI, or a path in a mounted volume.",
    PUBLISH_PARAMETER: "The folder of model versions: a URI, or a path in a mounted volume.",
    EPOCHS_PARAMETER: "How many epochs each candidate trains; 0 for what the configuration says.",
}
"""What the web page says of each parameter."""


def cluster_places(
    config: RunConfig, pipeline_root: str, *, devkit: str | None = None, publish_to: str | None = None
) -> Places:
    """The places of a run on a cluster. Nothing of this machine goes into them.

    Args:
        config: the whole run.
        pipeline_root: the URI where the backend keeps the artifacts.
        devkit: the parameter's default; without one the configuration's, if it is a URI or lies in a volume. Else it
            has none, and a run has to name it.
        publish_to: the parameter's default; without one `serving` below the pipeline root where containers can write
            there. Else it has none.

    Raises:
        ConfigError: a place that no container could reach.
    """
    reachable = is_reachable(config.kubeflow.volumes, config.data.devkit)
    devkit = devkit or (config.data.devkit if reachable else None)
    below_root = pipeline_root.rstrip("/") if pipeline_root.startswith(OBJECT_STORES) else None  # minio:// is KFP's own
    publish_to = publish_to or (f"{below_root}/serving" if below_root else None)
    training_state = config.kubeflow.training_state
    if training_state is None:
        training_state = f"{below_root}/training" if below_root else ""
    for name, place in (("devkit", devkit), ("publish-to", publish_to), ("training state", training_state)):
        if place and not is_reachable(config.kubeflow.volumes, place):
            raise ConfigError(
                f"{name}: {place} is a path of this machine; give a URI (gs://, s3://), or a path below one of "
                f"kubeflow.volumes ({', '.join(config.kubeflow.volumes) or 'there are none'})"
            )
    return Places(
        devkit=RuntimeParameter(DEVKIT_PARAMETER, ptype=str, default=devkit),
        devkit_fingerprint="",  # of a place that may change with each run
        pipeline_root=pipeline_root,
        serving_folder=RuntimeParameter(PUBLISH_PARAMETER, ptype=str, default=publish_to),
        serving_state="",
        training_folder=training_state.rstrip("/"),
        metadata_file="",
        epochs=RuntimeParameter(EPOCHS_PARAMETER, ptype=int, default=0),
    )


def is_reachable(volumes: Mapping[str, str], place: str) -> bool:
    """Whether a container can reach a place: a URI other than `file://`, or a path in a volume."""
    if "://" in place:
        return not place.startswith("file://")
    return any(place == path or place.startswith(f"{path}/") for path in volumes)


def parameter_defaults(places: Places) -> dict[str, str | int | None]:
    """Parameter → its default; `None` where a run has to name it."""
    parameters = (places.devkit, places.serving_folder, places.epochs)
    return {parameter.name: parameter.default for parameter in parameters if isinstance(parameter, RuntimeParameter)}
