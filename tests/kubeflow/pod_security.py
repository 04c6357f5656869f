"""The rules of the "restricted" Pod Security Standard, for pods inside any kind of manifest.

Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/, of Kubernetes 1.32. AppArmor is
checked by its field, not by the annotation of older versions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_ALLOWED_VOLUMES = {
    *("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret")
}
_SELINUX_TYPES = ("", "container_t", "container_init_t", "container_kvm_t", "container_engine_t")
_SYSCTLS = {
    "kernel.shm_rmid_forced",
    *(f"net.ipv4.ip_{name}" for name in ("local_port_range", "unprivileged_port_start", "local_reserved_ports")),
    *(f"net.ipv4.tcp_{name}" for name in ("syncookies", "keepalive_time", "fin_timeout")),
    *(f"net.ipv4.tcp_keepalive_{name}" for name in ("intvl", "probes")),
    "net.ipv4.ping_group_range",
}
_CONFINED = ("RuntimeDefault", "Localhost")
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
    shared = pod.get("securityContext", {})
    yield from (f"the pod: {rule}" for rule, is_kept in _context_rules(shared) if not is_kept)
    for container in (*pod["containers"], *pod.get("initContainers", []), *pod.get("ephemeralContainers", [])):
        rules = (*_rules(container, shared), *_context_rules(container.get("securityContext", {})))
        yield from (f"{container['name']}: {rule}" for rule, is_kept in rules if not is_kept)


def _rules(container: dict[str, Any], shared: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    """Yields each rule for containers and whether it is kept; `shared` is the security context of the pod."""
    own = container.get("securityContext", {})
    both, capabilities = {**shared, **own}, own.get("capabilities", {})
    yield "privileged", not own.get("privileged") and own.get("procMount", "Default") == "Default"
    yield "allowPrivilegeEscalation must be false", own.get("allowPrivilegeEscalation") is False
    yield "runAsNonRoot must be true", both.get("runAsNonRoot") is True
    yield "seccompProfile is missing", both.get("seccompProfile", {}).get("type") in _CONFINED
    yield "capabilities must drop ALL", "ALL" in capabilities.get("drop", [])
    yield "capabilities are added", set(capabilities.get("add", [])) <= {"NET_BIND_SERVICE"}
    yield "hostPort is set", not any("hostPort" in port for port in container.get("ports", []))


def _context_rules(context: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    """Yields the rules for the security context of a pod or a container, whatever the other one says."""
    linux = context.get("seLinuxOptions", {})
    is_usual = linux.get("type", "") in _SELINUX_TYPES and not (linux.get("user") or linux.get("role"))
    yield "seLinuxOptions are not allowed", is_usual
    for profile in ("appArmorProfile", "seccompProfile"):
        yield f"{profile} must confine", context.get(profile, {}).get("type", _CONFINED[0]) in _CONFINED
    yield "windowsOptions.hostProcess is set", not context.get("windowsOptions", {}).get("hostProcess")
    yield "sysctls are not safe", {sysctl["name"] for sysctl in context.get("sysctls", [])} <= _SYSCTLS
    yield "runAsNonRoot must be true", context.get("runAsNonRoot", True) is True and context.get("runAsUser") != 0
