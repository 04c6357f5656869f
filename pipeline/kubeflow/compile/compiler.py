"""Compiles the pipeline to a specification for Kubeflow Pipelines or Vertex AI."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal, cast

import tfx  # noqa: F401  (first: it installs a stand-in that other libraries need)
import yaml
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2
from tfx.dsl.components.base.executor_spec import BeamExecutorSpec
from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner

from pipeline.config.problems import ConfigError, refuse_tracking
from pipeline.kubeflow.compile.cluster_places import DESCRIPTIONS, cluster_places, parameter_defaults
from pipeline.kubeflow.compile.specification import PLATFORM, with_valid_names
from pipeline.pipeline import create_pipeline

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tfx.orchestration.pipeline import Pipeline

    from pipeline.config.kubeflow import KubeflowConfig
    from pipeline.config.schema import RunConfig

Target = Literal["kubeflow", "vertex"]

ENTRYPOINT_COMMAND = ("python", "-P", "-m", "pipeline.kubeflow.entrypoint")
"""The containers' command on the open-source backend; on Vertex AI the containers run TFX's own commands."""

UNCACHED_NODES = ("VocExampleGen", "PublishedModel", "Pusher")
"""Nodes that are not cached by default: KFP's cache does not notice changes in the devkit or the publishing folder."""


def compile_spec(
    config: RunConfig,
    *,
    image: str,
    pipeline_root: str,
    target: Target = "kubeflow",
    devkit: str | None = None,
    publish_to: str | None = None,
) -> str:
    """Compiles the pipeline. The same arguments give the same text, byte for byte.

    Args:
        config: the whole run.
        image: the containers' image, with tag or digest.
        pipeline_root: the URI where the backend stores the artifacts.
        target: `kubeflow` for YAML of schema 2.1, with a second document for Kubernetes if volumes or secrets are
            configured; `vertex` for a JSON pipeline job.
        devkit: default value of the parameter `devkit`.
        publish_to: default value of the parameter `publish_to`.

    Raises:
        ConfigError: a location that containers cannot reach, settings for an unknown node, or `tracking.mlflow`.
    """
    refuse_tracking(config)
    places = cluster_places(config, pipeline_root, devkit=devkit, publish_to=publish_to)
    pipeline = create_pipeline(config, places)
    node_ids = [component.id for component in pipeline.components]
    _check_settings(config.kubeflow, node_ids, target)
    _set_resources(pipeline, config.kubeflow)
    images = {node_id: config.kubeflow.node(node_id).image or image for node_id in node_ids}
    runner = kubeflow_v2_dag_runner.KubeflowV2DagRunner(
        kubeflow_v2_dag_runner.KubeflowV2DagRunnerConfig(
            default_image={**images, "default_image_path": image},
            default_commands=list(ENTRYPOINT_COMMAND) if target == "kubeflow" else None,
            use_pipeline_spec_2_1=True,
        )
    )
    job = runner.run(pipeline, write_out=False)
    spec = job["pipelineSpec"]
    spec["defaultPipelineRoot"] = pipeline_root
    _add_parameter_details(spec, parameter_defaults(places))
    for node_id in node_ids:
        _set_task_options(spec, node_id, config.kubeflow)
    spec = with_valid_names(spec)
    if target == "vertex":
        return json.dumps({**job, "pipelineSpec": spec}, indent=2, sort_keys=True) + "\n"
    documents = [spec]
    if config.kubeflow.volumes or config.kubeflow.secrets or config.kubeflow.run_as_non_root:
        documents.append(_platform_document(spec, config.kubeflow))
    return _heading(spec) + yaml.safe_dump_all(documents, sort_keys=True, allow_unicode=True, width=120)


def _check_settings(settings: KubeflowConfig, node_ids: list[str], target: Target) -> None:
    unknown = settings.unknown_nodes(node_ids)
    if unknown:
        raise ConfigError(f"kubeflow.nodes.{unknown[0]}: unknown node; the nodes are {', '.join(node_ids)}")
    if target == "vertex" and (settings.volumes or settings.secrets):
        raise ConfigError("kubeflow.volumes and kubeflow.secrets need Kubernetes: Vertex AI supports neither")
    if target == "vertex" and settings.run_as_non_root:
        raise ConfigError("kubeflow.run_as_non_root needs Kubernetes: Vertex AI does not support it")


def _set_resources(pipeline: Pipeline, settings: KubeflowConfig) -> None:
    """Sets each node's resources and Beam options on its TFX component."""
    spec_class = pipeline_spec_pb2.PipelineDeploymentConfig.PipelineContainerSpec.ResourceSpec
    for component in pipeline.components:
        node = settings.node(component.id)
        resources = spec_class(
            cpu_request=node.cpu or 0,
            cpu_limit=node.cpu_limit or 0,
            memory_request=node.memory or 0,
            memory_limit=node.memory_limit or node.memory or 0,
        )
        if node.accelerator:
            resources.accelerator.type, resources.accelerator.count = node.accelerator, node.accelerators
        if resources.ByteSize():
            component.with_platform_config(resources)
        if not node.beam_args:
            continue
        if not isinstance(component.executor_spec, BeamExecutorSpec):
            raise ConfigError(f"kubeflow.nodes: {component.id} does not run on Beam; remove its beam_args")
        executor_spec = cast("BeamExecutorSpec", component.executor_spec)
        executor_spec.beam_pipeline_args = [*executor_spec.beam_pipeline_args, *node.beam_args]


def _add_parameter_details(spec: dict[str, Any], defaults: Mapping[str, str | int | None]) -> None:
    """Adds the default value and the description of each parameter, which TFX leaves out."""
    for name, parameter in spec["root"]["inputDefinitions"]["parameters"].items():
        parameter["description"] = DESCRIPTIONS[name]
        if defaults[name] is not None:
            parameter["defaultValue"] = defaults[name]


def _set_task_options(spec: dict[str, Any], node_id: str, settings: KubeflowConfig) -> None:
    """Sets caching, retries and environment variables of a node, which TFX cannot express per node."""
    node = settings.node(node_id)
    task = spec["root"]["dag"]["tasks"][node_id]
    cache = node_id not in UNCACHED_NODES if node.cache is None else node.cache
    task["cachingOptions"] = {"enableCache": True} if cache else {}
    if node.retries:
        task["retryPolicy"] = {"maxRetryCount": node.retries, "backoffDuration": "30s", "backoffFactor": 2.0}
    if settings.env:
        container = spec["deploymentSpec"]["executors"][f"{node_id}_executor"]["container"]
        container["env"] = [{"name": name, "value": value} for name, value in sorted(settings.env.items())]


def _platform_document(spec: dict[str, Any], settings: KubeflowConfig) -> dict[str, Any]:
    """Returns the second document of a specification: every executor's volumes, secrets and security context."""
    from kfp.kubernetes import kubernetes_executor_config_pb2

    config = kubernetes_executor_config_pb2.KubernetesExecutorConfig()
    for path, claim in sorted(settings.volumes.items()):
        mount = config.pvc_mount.add(mount_path=path, constant=claim)  # servers before 2.6 read `constant`
        mount.pvc_name_parameter.runtime_value.constant.string_value = claim
    for secret in settings.secrets:
        entry = config.secret_as_env.add(secret_name=secret.name)
        entry.secret_name_parameter.runtime_value.constant.string_value = secret.name
        for variable, key in sorted(secret.env.items()):
            entry.key_to_env.add(secret_key=key, env_var=variable)
    if settings.run_as_non_root:
        config.security_context.run_as_non_root = True
    executors = {name: json_format.MessageToDict(config) for name in spec["deploymentSpec"]["executors"]}
    return {"platforms": {PLATFORM: {"deploymentSpec": {"executors": executors}}}}


def _heading(spec: dict[str, Any]) -> str:
    """Returns comment lines for the top of the file, in the format of KFP's own compiler."""
    lines = ["# PIPELINE DEFINITION", f"# Name: {spec['pipelineInfo']['name']}", "# Inputs:"]
    for name, parameter in sorted(spec["root"]["inputDefinitions"]["parameters"].items()):
        kind = {"STRING": "str", "NUMBER_INTEGER": "int"}[parameter["parameterType"]]
        default = f" [Default: {parameter['defaultValue']!r}]" if "defaultValue" in parameter else ""
        lines.append(f"#    {name}: {kind}{default}")
    return "\n".join(lines) + "\n"
