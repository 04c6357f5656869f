"""What a cluster gives each node: the section `kubeflow` of a run's configuration."""

from __future__ import annotations

from typing import Annotated

import pydantic

from components.strict_config import StrictConfig

DEFAULT_NODE = "default"
"""The key of what holds for all nodes."""

NodeName = Annotated[str, pydantic.StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_.]*$")]
EnvName = Annotated[str, pydantic.StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
MountPath = Annotated[str, pydantic.StringConstraints(pattern=r"^/[^/].*[^/]$")]


class NodeConfig(StrictConfig):
    """A node's container."""

    image: str | None = None
    """Another image than the run's, such as one with GPU libraries."""
    cpu: float | None = pydantic.Field(default=None, gt=0)
    """Cores that are reserved."""
    cpu_limit: float | None = pydantic.Field(default=None, gt=0)
    """Cores that it may use at most; without one, all that are free."""
    memory: float | None = pydantic.Field(default=None, gt=0)
    """Gigabytes that are reserved."""
    memory_limit: float | None = pydantic.Field(default=None, gt=0)
    """Gigabytes that end it when it uses more; by default `memory`."""
    accelerator: str | None = None
    """The resource's name: `nvidia.com/gpu` on Kubernetes, `NVIDIA_TESLA_T4` and the like on Vertex AI."""
    accelerators: int = pydantic.Field(default=1, ge=1)
    """How many, where `accelerator` is given."""
    cache: bool | None = None
    """Whether an earlier run's output may be taken where nothing changed. By default it may, save for nodes that look
    at what the cache does not know: the publishing folder, and a devkit without a fingerprint."""
    retries: int = pydantic.Field(default=0, ge=0, le=100)
    """How often to try again after a failure."""
    beam_args: list[str] = pydantic.Field(default_factory=list)
    """Beam's pipeline options for this node, after those of `beam.args`."""


class SecretConfig(StrictConfig):
    """A Kubernetes secret that the containers see as environment variables."""

    name: str
    """The secret."""
    env: dict[EnvName, str]
    """Environment variable → key in the secret."""


class KubeflowConfig(StrictConfig):
    """A run on Kubeflow Pipelines."""

    nodes: dict[NodeName, NodeConfig] = pydantic.Field(default_factory=dict)
    """A node's id (`SegmentationTrainer.unet`), all nodes of a component (`SegmentationTrainer`) or `default` → its
    container; what is closer to the node goes over what is further away."""
    volumes: dict[MountPath, str] = pydantic.Field(default_factory=dict)
    """Path → persistent volume claim, mounted into every node."""
    secrets: list[SecretConfig] = pydantic.Field(default_factory=list)
    env: dict[EnvName, str] = pydantic.Field(default_factory=dict)
    """Environment variables of every node, such as `AWS_ENDPOINT_URL`. They are no place for secrets."""
    training_state: str | None = None
    """Where trainings keep their state, so that a retried one goes on: a URI or a path in a volume. By default
    `training` below the pipeline root, where the containers can write it; an empty text for nowhere."""

    def node(self, node_id: str) -> NodeConfig:
        """The settings of a node: those for all, under those for its component, under its own."""
        layers = (DEFAULT_NODE, node_id.partition(".")[0], node_id)
        settings: dict[str, object] = {}
        for name in dict.fromkeys(layers):
            if name in self.nodes:
                settings |= self.nodes[name].model_dump(exclude_unset=True)
        return NodeConfig.model_validate(settings)

    def unknown_nodes(self, node_ids: list[str]) -> list[str]:
        """The names under `nodes` that no node has."""
        known = {DEFAULT_NODE, *node_ids, *(node_id.partition(".")[0] for node_id in node_ids)}
        return sorted(set(self.nodes) - known)
