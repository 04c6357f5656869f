"""The second document of a specification: volumes and secrets, which only Kubernetes has."""

from __future__ import annotations

from typing import Any

from google.protobuf import json_format

from pipeline.config.kubeflow import KubeflowConfig

PLATFORM = "kubernetes"


def platform_document(spec: dict[str, Any], settings: KubeflowConfig) -> list[dict[str, Any]]:
    """Makes the document that gives every node the volumes and secrets; none where there are none of them.

    Args:
        spec: the PipelineSpec; its executors are named in the document.
        settings: the configured volumes and secrets.
    """
    if not (settings.volumes or settings.secrets):
        return []
    from kfp.kubernetes import kubernetes_executor_config_pb2 as kubernetes

    config = kubernetes.KubernetesExecutorConfig()
    for path, claim in sorted(settings.volumes.items()):
        mount = config.pvc_mount.add(mount_path=path, constant=claim)  # `constant` for servers before 2.6
        mount.pvc_name_parameter.runtime_value.constant.string_value = claim
    for secret in settings.secrets:
        entry = config.secret_as_env.add(secret_name=secret.name)
        entry.secret_name_parameter.runtime_value.constant.string_value = secret.name
        for variable, key in sorted(secret.env.items()):
            entry.key_to_env.add(secret_key=key, env_var=variable)
    executors = {name: json_format.MessageToDict(config) for name in spec["deploymentSpec"]["executors"]}
    return [{"platforms": {PLATFORM: {"deploymentSpec": {"executors": executors}}}}]
