"""The section `kubeflow` of a run's configuration: what a cluster gives each node."""

from __future__ import annotations

from typing import Annotated

import pydantic

from components.strict_config import StrictConfig

DEFAULT_NODE = "default"
"""The key of the settings that apply to all nodes."""

NodeName = Annotated[str, pydantic.StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_.]*$")]
EnvName = Annotated[str, pydantic.StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
MountPath = Annotated[str, pydantic.StringConstraints(pattern=r"^/[^/].*[^/]$")]


class NodeConfig(StrictConfig):
    """The container of a node.

    Attributes:
        image: a container image for this node instead of the run's, such as one with GPU libraries.
        cpu: the number of reserved CPU cores.
        cpu_limit: the largest number of CPU cores that the node may use; by default all free cores of the machine.
        memory: reserved memory in gigabytes.
        memory_limit: gigabytes; Kubernetes stops the container if it uses more. By default the value of `memory`.
        accelerator: the resource name of an accelerator: `nvidia.com/gpu` on Kubernetes, or for example
            `NVIDIA_TESLA_T4` on Vertex AI.
        accelerators: the number of accelerators, if `accelerator` is set.
        cache: whether the output of an earlier run is used if nothing has changed. By default it is, except for nodes
            that read something that the cache key does not cover: the publishing folder, or a devkit without a
            fingerprint.
        retries: how often the node is run again after a failure.
        beam_args: Beam's pipeline options for this node, appended to `beam.args`.
    """

    image: str | None = None
    cpu: float | None = pydantic.Field(default=None, gt=0)
    cpu_limit: float | None = pydantic.Field(default=None, gt=0)
    memory: float | None = pydantic.Field(default=None, gt=0)
    memory_limit: float | None = pydantic.Field(default=None, gt=0)
    accelerator: str | None = None
    accelerators: int = pydantic.Field(default=1, ge=1)
    cache: bool | None = None
    retries: int = pydantic.Field(default=0, ge=0, le=100)
    beam_args: list[str] = pydantic.Field(default_factory=list)


class SecretConfig(StrictConfig):
    """A Kubernetes secret that the containers get as environment variables.

    Attributes:
        name: the secret's name.
        env: environment variable → key in the secret.
    """

    name: str
    env: dict[EnvName, str]


class KubeflowConfig(StrictConfig):
    """The settings of a run on Kubeflow Pipelines.

    Attributes:
        nodes: the containers. A key is the id of a node (`SegmentationTrainer.unet`), the name of a component
            (`SegmentationTrainer`: all its nodes) or `default` (all nodes); the more specific key overrides the others.
        volumes: mount path → persistent volume claim, for every node.
        secrets: the secrets of every node.
        env: environment variables of every node, such as `AWS_ENDPOINT_URL`. Do not put secrets here.
        training_state: where trainings store their state, so that a retried training resumes: a URI, or a path in a
            volume. By default `training` below the pipeline root, if the containers can write there; an empty text
            turns it off.
        run_as_non_root: refuse to run a node's container as root. The server must know the setting (KFP 2.16 or later).
    """

    nodes: dict[NodeName, NodeConfig] = pydantic.Field(default_factory=dict)
    volumes: dict[MountPath, str] = pydantic.Field(default_factory=dict)
    secrets: list[SecretConfig] = pydantic.Field(default_factory=list)
    env: dict[EnvName, str] = pydantic.Field(default_factory=dict)
    training_state: str | None = None
    run_as_non_root: bool = False

    def node(self, node_id: str) -> NodeConfig:
        """Returns the settings of a node: `default`, overridden by its component's, overridden by its own."""
        layers = (DEFAULT_NODE, node_id.partition(".")[0], node_id)
        settings: dict[str, object] = {}
        for name in dict.fromkeys(layers):
            if name in self.nodes:
                settings |= self.nodes[name].model_dump(exclude_unset=True)
        return NodeConfig.model_validate(settings)

    def unknown_nodes(self, node_ids: list[str]) -> list[str]:
        """Returns the keys of `nodes` that match no node."""
        known = {DEFAULT_NODE, *node_ids, *(node_id.partition(".")[0] for node_id in node_ids)}
        return sorted(set(self.nodes) - known)

    def in_volume(self, path: str) -> bool:
        """Whether a path lies in one of the volumes."""
        return any(path == mount or path.startswith(f"{mount}/") for mount in self.volumes)

    @property
    def volume_paths(self) -> str:
        """The volumes' mount paths as text for messages."""
        return ", ".join(self.volumes) or "none are configured"
