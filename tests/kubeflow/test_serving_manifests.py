"""The manifests in kubeflow/manifests match the schemas that Kubernetes and KServe publish."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.kubeflow.manifest_types import problems

FOLDER = Path(__file__).parents[2] / "kubeflow" / "manifests"
MANIFESTS = [
    pytest.param(manifest, id=f"{file.stem}-{manifest['kind']}")
    for file in sorted(FOLDER.glob("*.yaml"))
    for manifest in yaml.safe_load_all(file.read_text())
]
KUBERNETES_VERSIONS = ("1.29", kubernetes_validate.latest_version())


@pytest.mark.parametrize("manifest", MANIFESTS)
def test_a_manifest_matches_its_published_schema(manifest: dict[str, Any]) -> None:
    if manifest["apiVersion"].startswith("serving.kserve.io/"):
        assert list(problems(manifest, "V1beta1InferenceService", "kserve")) == []
        return
    for version in KUBERNETES_VERSIONS:
        kubernetes_validate.validate(manifest, version, strict=True)


@pytest.mark.parametrize("manifest", MANIFESTS)
def test_manifests_contain_no_secrets(manifest: dict[str, Any]) -> None:
    assert manifest["kind"] != "Secret"
    assert "stringData" not in yaml.safe_dump(manifest)


def test_the_check_finds_unknown_fields() -> None:
    service = yaml.safe_load((FOLDER / "kserve-volume.yaml").read_text())
    service["spec"]["predictor"]["model"]["storageURI"] = "pvc://claim"
    (problem,) = problems(service, "V1beta1InferenceService", "kserve")
    assert "spec.predictor.model.storageURI: unknown to V1beta1ModelSpec" in problem
    deployment, *_ = yaml.safe_load_all((FOLDER / "tf-serving.yaml").read_text())
    deployment["spec"]["template"]["spec"]["containers"][0]["imagePolicy"] = "Always"
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, KUBERNETES_VERSIONS[-1], strict=True)


def test_manifests_refer_to_each_other_by_the_same_names() -> None:
    found = {file.stem: list(yaml.safe_load_all(file.read_text())) for file in FOLDER.glob("*.yaml")}
    claim = found["storage"][0]["metadata"]["name"]
    model = found["kserve-volume"][0]["spec"]["predictor"]["model"]
    assert model["storageUri"].startswith(f"pvc://{claim}/")
    deployment, service, _ = found["tf-serving"]
    pod = deployment["spec"]["template"]
    assert pod["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"] == claim
    assert service["spec"]["selector"] == pod["metadata"]["labels"] == deployment["spec"]["selector"]["matchLabels"]
    ports = {port["name"] for port in pod["spec"]["containers"][0]["ports"]}
    assert {port["targetPort"] for port in service["spec"]["ports"]} == ports
    copy = found["copy-pod"][0]["spec"]
    assert copy["volumes"][0]["persistentVolumeClaim"]["claimName"] == claim
    account = found["object-storage-account"][0]["metadata"]["name"]
    assert found["kserve-object-storage"][0]["spec"]["predictor"]["serviceAccountName"] == account
