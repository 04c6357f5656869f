"""Every pod that the project describes meets the restricted Pod Security Standard, and checkov's rules."""

from __future__ import annotations

import copy
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from pipeline.config.schema import RunConfig
from pipeline.kubeflow.training_job import Kind, training_job
from tests.kubeflow.pod_security import pods, violations

if TYPE_CHECKING:
    from collections.abc import Callable

PROJECT = Path(__file__).parents[2]
FOLDER = PROJECT / "kubeflow" / "manifests"
DIGEST = f"sha256:{'0' * 64}"
CHECKOV = "checkov==3.3.30"
"""Runs in an environment of its own: it needs other versions of many libraries."""
NOT_CHECKED = {
    "CKV_K8S_21": "the default namespace: `kubectl apply -n` names another",
}
NOT_CHECKED_OF = {
    "copy-pod": {"CKV_K8S_8", "CKV_K8S_9"},  # probes: the pod serves nothing
    # A training ends by itself, writes to its home folder and runs as the image's user; the user limits the CPU.
    "training": {"CKV_K8S_8", "CKV_K8S_9", "CKV_K8S_11", "CKV_K8S_22", "CKV_K8S_40", "CKV2_K8S_6"},
    # KServe adds probes, image and policies; its copying container shares the context and writes to /tmp.
    "kserve-volume": {"CKV_K8S_8", "CKV_K8S_9", "CKV2_K8S_6"},
    "kserve-object-storage": {"CKV_K8S_8", "CKV_K8S_9", "CKV2_K8S_6", "CKV_K8S_22"},
}


def _training_jobs() -> list[dict[str, Any]]:
    volumes = {"volumes": {"/data": "voc-seg-data"}}
    nodes = {"default": {"cpu": 2, "cpu_limit": 4, "memory": 4}}
    config = RunConfig.model_validate(
        {
            "name": "small",
            "data": {"image_size": 32},
            "candidates": {"unet": {"network": "unet"}},
            "kubeflow": {**volumes, "nodes": nodes},
        }
    )
    kinds: tuple[Kind, ...] = ("tfjob", "trainjob")
    places = {"image": f"registry.example/voc-seg@{DIGEST}", "examples": "/data/examples", "output": "/data/model"}
    return [job for kind in kinds for job in training_job(config, "unet", kind=kind, workers=2, **places)]


def _manifests() -> dict[str, list[dict[str, Any]]]:
    found = {file.stem: list(yaml.safe_load_all(file.read_text())) for file in sorted(FOLDER.glob("*.yaml"))}
    return {**found, "training": _training_jobs()}


def test_every_pod_meets_the_restricted_standard() -> None:
    described = {name: [pod for manifest in found for pod in pods(manifest)] for name, found in _manifests().items()}
    counts = {name: len(found) for name, found in described.items() if found}
    assert counts == {"copy-pod": 1, "kserve-object-storage": 1, "kserve-volume": 1, "tf-serving": 1, "training": 2}
    assert [problem for found in described.values() for pod in found for problem in violations(pod)] == []


def _container(change: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, Any]], None]:
    return lambda pod: change(pod["containers"][0])


def _of_pod(**fields: Any) -> Callable[[dict[str, Any]], None]:
    return lambda pod: pod["securityContext"].update(fields)


@pytest.mark.parametrize(
    ("change", "violation"),
    [
        (lambda pod: pod["securityContext"].pop("runAsNonRoot"), "runAsNonRoot"),
        (lambda pod: pod["securityContext"].update(runAsUser=0), "runAsNonRoot"),
        (lambda pod: pod["securityContext"].pop("seccompProfile"), "seccompProfile"),
        (_of_pod(seccompProfile={"type": "Unconfined"}), "the pod: seccompProfile must confine"),
        (_of_pod(appArmorProfile={"type": "Unconfined"}), "appArmorProfile"),
        (_of_pod(seLinuxOptions={"type": "spc_t"}), "seLinuxOptions"),
        (_of_pod(seLinuxOptions={"role": "sysadm_r"}), "seLinuxOptions"),
        (_of_pod(sysctls=[{"name": "kernel.msgmax", "value": "1"}]), "sysctls"),
        (_of_pod(windowsOptions={"hostProcess": True}), "hostProcess"),
        (_container(lambda one: one["securityContext"].update(runAsUser=0)), "tensorflow-serving: runAsNonRoot"),
        (_container(lambda one: one["securityContext"].update(procMount="Unmasked")), "privileged"),
        (lambda pod: pod.update(ephemeralContainers=[{"name": "debug"}]), "debug: allowPrivilegeEscalation"),
        (lambda pod: pod.update(hostNetwork=True), "hostNetwork"),
        (lambda pod: pod["volumes"].append({"name": "x", "hostPath": {"path": "/"}}), "hostPath"),
        (_container(lambda one: one.pop("securityContext")), "allowPrivilegeEscalation"),
        (_container(lambda one: one["securityContext"].update(privileged=True)), "privileged"),
        (_container(lambda one: one["securityContext"]["capabilities"].update(add=["SYS_ADMIN"])), "capabilities"),
        (_container(lambda one: one["ports"].append({"containerPort": 1, "hostPort": 1})), "hostPort"),
    ],
)
def test_the_rules_find_what_the_standard_forbids(change: Callable[[dict[str, Any]], None], violation: str) -> None:
    (pod,) = pods(copy.deepcopy(_manifests()["tf-serving"]))
    change(pod)
    assert violation in "".join(violations(pod))


def test_the_server_writes_only_to_its_temporary_folder_and_is_reached_only_from_its_namespace() -> None:
    deployment, _, policy = _manifests()["tf-serving"]
    (pod,) = pods(deployment)
    (container,) = pod["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    writable = [mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")]
    assert writable == ["/tmp"]
    assert {"readinessProbe", "livenessProbe"} <= container.keys()
    spec = policy["spec"]
    assert spec["podSelector"]["matchLabels"] == deployment["spec"]["template"]["metadata"]["labels"]
    assert (spec["egress"], spec["ingress"][0]["from"]) == ([], [{"podSelector": {}}])
    assert {port["port"] for port in spec["ingress"][0]["ports"]} == {
        port["containerPort"] for port in container["ports"]
    }


def test_the_guide_pins_every_image_by_its_digest_and_opens_no_folder_to_everyone() -> None:
    guide = (PROJECT / "kubeflow/README.md").read_text()
    images = {}
    for file in FOLDER.glob("*.yaml"):
        images.update(dict.fromkeys(re.findall(r"image: (\S+)", file.read_text()), file.name))
    assert sorted(images.values()) == ["copy-pod.yaml", "tf-serving.yaml"]
    for image, name in images.items():
        assert f"imagetools inspect {image} --format" in guide
        assert f'sed "s|{image}|&@$digest|" kubeflow/manifests/{name} | kubectl apply' in guide
    assert not re.search(r"0?777", guide)


def _for_checkov(name: str, manifests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns manifests of kinds that checkov knows: a pod in any other kind becomes a Pod."""
    known = ("Deployment", "Pod", "Service", "ServiceAccount", "NetworkPolicy", "PersistentVolumeClaim")
    documents = [manifest for manifest in manifests if manifest["kind"] in known]
    for manifest in manifests:
        for pod in pods(manifest) if manifest["kind"] not in known else ():
            for container in pod["containers"]:
                container.setdefault("image", f"chosen-by-kserve:1@{DIGEST}")
                container.setdefault("imagePullPolicy", "Always")
            documents.append({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": pod})
    return documents


@pytest.mark.slow
def test_checkov_finds_nothing(tmp_path: Path) -> None:
    uv = shutil.which("uv") or str(PROJECT / ".uv/bin/uv")
    if not Path(uv).is_file():
        pytest.skip("uv, which gets checkov from the package registry, is not installed; `make env` installs it")
    for name, manifests in _manifests().items():
        text = yaml.safe_dump_all(_for_checkov(name, manifests))
        text = re.sub(r"(image: \S+:[\w.]+)$", rf"\1@{DIGEST}", text, flags=re.MULTILINE)  # as the guide does
        (tmp_path / f"{name}.yaml").write_text(text)
    # --skip-download: nothing but the package registry is asked.
    options = ["--framework", "kubernetes", "--skip-download", "--output", "json", "--quiet"]
    command = [uv, "tool", "run", "--quiet", "--from", CHECKOV, "checkov", "--directory", str(tmp_path), *options]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    results = json.loads(finished.stdout)
    assert results["summary"]["parsing_errors"] == 0
    assert results["summary"]["passed"] > 300
    failed = {
        (Path(check["file_path"]).stem, check["check_id"], check["check_name"])
        for check in results["results"]["failed_checks"]
    }
    assert {
        problem
        for problem in failed
        if problem[1] not in NOT_CHECKED and problem[1] not in NOT_CHECKED_OF.get(problem[0], ())
    } == set()
