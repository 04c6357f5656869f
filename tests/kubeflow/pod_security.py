"""The rules of the "restricted" Pod Security Standard, for pods inside any kind of manifest.

Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/, of Kubernetes 1.32, for Linux. Rules about
fields that a pod must not have are checked by the names of all fields that the pods here may have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_ALLOWED_VOLUMES = {
    *("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret")
}
_HOST_FIELDS = ("hostNetwork", "hostPID", "hostIPC", "hostUsers")


def pods(value: Any) -> Iterator[dict[str, Any]]:
    """Yields the specifications of the pods in a manifest; KServe's container is called `model`."""
    if isinstance(value, dict):
        if "containers" in value:
            yield value
        elif isinstance(value.get("model"), dict):
            yield {**value, "containers": [{"name": "model", **value["model"]}]}
        else:
            for item in value.values():
                yield from pods(item)
    elif isinstance(value, list):
        for item in value:
            yield from pods(item)


def violations(pod: dict[str, Any]) -> Iterator[str]:
    """Yields the rules that a pod breaks."""
    for field in _HOST_FIELDS:
        if pod.get(field):
            yield f"{field} is set"
    for volume in pod.get("volumes", []):
        (kind,) = set(volume) - {"name"}
        if kind not in _ALLOWED_VOLUMES:
            yield f"volume {volume['name']}: {kind} is not allowed"
    for container in (*pod["containers"], *pod.get("initContainers", [])):
        for rule, is_kept in _rules(container, pod.get("securityContext", {})):
            if not is_kept:
                yield f"{container['name']}: {rule}"


def _rules(container: dict[str, Any], shared: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    """Yields each rule for containers and whether it is kept; `shared` is the security context of the pod."""
    own = container.get("securityContext", {})
    both, capabilities = {**shared, **own}, own.get("capabilities", {})
    yield "privileged", not own.get("privileged") and own.get("procMount", "Default") == "Default"
    yield "allowPrivilegeEscalation must be false", own.get("allowPrivilegeEscalation") is False
    yield "runAsNonRoot must be true", both.get("runAsNonRoot") is True and both.get("runAsUser") != 0
    yield "seccompProfile is missing", both.get("seccompProfile", {}).get("type") in ("RuntimeDefault", "Localhost")
    yield "capabilities must drop ALL", "ALL" in capabilities.get("drop", [])
    yield "capabilities are added", set(capabilities.get("add", [])) <= {"NET_BIND_SERVICE"}
    yield "hostPort is set", not any("hostPort" in port for port in container.get("ports", []))
