"""The pipeline as a specification that Kubeflow Pipelines, or Vertex AI, runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal, cast

import tfx.v1  # noqa: F401  (first: it installs a stand-in that other libraries need)
import yaml
from kfp.pipeline_spec import pipeline_spec_pb2
from tfx.dsl.components.base.executor_spec import BeamExecutorSpec
from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner
from tfx.orchestration.pipeline import Pipeline

from pipeline.config.kubeflow import KubeflowConfig
from pipeline.config.problems import ConfigError
from pipeline.config.schema import RunConfig
from pipeline.kubeflow.compile.cluster_places import DESCRIPTIONS, cluster_places, parameter_defaults
from pipeline.kubeflow.compile.platform_spec import platform_document
from pipeline.kubeflow.compile.task_names import with_valid_names
from pipeline.pipeline import create_pipeline

Target = Literal["kubeflow", "vertex"]

ENTRYPOINT_COMMAND = ("python", "-m", "pipeline.kubeflow.entrypoint")
"""What the containers run on the open-source backend; Vertex AI runs TFX's own commands as they are."""

READS_THE_OUTSIDE = ("VocExampleGen", "PublishedModel", "Pusher")
"""Nodes that are not cached by default: KFP's cache does not see that a devkit or the publishing folder has changed."""


def compile_spec(
    config: RunConfig,
    *,
    image: str,
    pipeline_root: str,
    target: Target = "kubeflow",
    devkit: str | None = None,
    publish_to: str | None = None,
) -> str:
    """Compiles the pipeline. The same arguments give the same text, byte by byte.

    Args:
        config: the whole run.
        image: the containers' image, with tag or digest.
        pipeline_root: the URI where the backend keeps the artifacts.
        target: `kubeflow` for YAML of schema 2.1, with a second document for Kubernetes where volumes or secrets are
            configured; `vertex` for a JSON pipeline job.
        devkit: default of the parameter `devkit`.
        publish_to: default of the parameter `publish_to`.

    Raises:
        ConfigError: a place that no container could reach, or settings of a node that is not there.
    """
    places = cluster_places(config, pipeline_root, devkit=devkit, publish_to=publish_to)
    pipeline = create_pipeline(config, places)
    node_ids = [component.id for component in pipeline.components]
    _refuse_what_can_not_be(config.kubeflow, node_ids, target)
    _give_resources(pipeline, config.kubeflow)
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
    _describe_parameters(spec, parameter_defaults(places))
    for node_id in node_ids:
        _set_up_task(spec, node_id, config.kubeflow)
    spec = with_valid_names(spec)
    if target == "vertex":
        return json.dumps({**job, "pipelineSpec": spec}, indent=2, sort_keys=True) + "\n"
    documents = [spec, *platform_document(spec, config.kubeflow)]
    return _heading(spec) + yaml.safe_dump_all(documents, sort_keys=True, allow_unicode=True, width=120)


def _refuse_what_can_not_be(settings: KubeflowConfig, node_ids: list[str], target: Target) -> None:
    unknown = settings.unknown_nodes(node_ids)
    if unknown:
        raise ConfigError(f"kubeflow.nodes.{unknown[0]}: there is no such node; the nodes are {', '.join(node_ids)}")
    if target == "vertex" and (settings.volumes or settings.secrets):
        raise ConfigError("kubeflow.volumes and kubeflow.secrets are Kubernetes' own: Vertex AI has neither")


def _give_resources(pipeline: Pipeline, settings: KubeflowConfig) -> None:
    """Hands each node its resources and its Beam options, as TFX expresses them."""
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
            raise ConfigError(f"kubeflow.nodes: {component.id} does not run on Beam; take its beam_args out")
        executor_spec = cast(BeamExecutorSpec, component.executor_spec)
        executor_spec.beam_pipeline_args = [*executor_spec.beam_pipeline_args, *node.beam_args]


def _describe_parameters(spec: dict[str, Any], defaults: Mapping[str, str | int | None]) -> None:
    """Adds what TFX leaves out of a parameter: its default and what it is."""
    for name, parameter in spec["root"]["inputDefinitions"]["parameters"].items():
        parameter["description"] = DESCRIPTIONS[name]
        if defaults[name] is not None:
            parameter["defaultValue"] = defaults[name]


def _set_up_task(spec: dict[str, Any], node_id: str, settings: KubeflowConfig) -> None:
    """Adds what TFX can't express of a single node: caching, retries and environment variables."""
    node = settings.node(node_id)
    task = spec["root"]["dag"]["tasks"][node_id]
    cache = node_id not in READS_THE_OUTSIDE if node.cache is None else node.cache
    task["cachingOptions"] = {"enableCache": True} if cache else {}
    if node.retries:
        task["retryPolicy"] = {"maxRetryCount": node.retries, "backoffDuration": "30s", "backoffFactor": 2.0}
    if settings.env:
        container = spec["deploymentSpec"]["executors"][f"{node_id}_executor"]["container"]
        container["env"] = [{"name": name, "value": value} for name, value in sorted(settings.env.items())]


def _heading(spec: dict[str, Any]) -> str:
    """Comments for a person who opens the file, as KFP's own compiler writes them."""
    lines = ["# PIPELINE DEFINITION", f"# Name: {spec['pipelineInfo']['name']}", "# Inputs:"]
    for name, parameter in sorted(spec["root"]["inputDefinitions"]["parameters"].items()):
        kind = {"STRING": "str", "NUMBER_INTEGER": "int"}[parameter["parameterType"]]
        default = f" [Default: {parameter['defaultValue']!r}]" if "defaultValue" in parameter else ""
        lines.append(f"#    {name}: {kind}{default}")
    return "\n".join(lines) + "\n"
