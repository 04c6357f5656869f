"""The installed wheel runs a compiled specification without a cluster, in two ways; results equal LocalDagRunner's."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

PROJECT = Path(__file__).parents[2]
PACKAGES = ("components", "pipeline", "tfds_voc_seg")
OVERRIDES = (
    *("training.epochs=2", "data.num_shards=1", "sample.train_images=24", "sample.val_images=8"),
    "selection.publish_background_only=true",  # two epochs are too few for more
)
CANDIDATES = ("fcn8", "unet")

WATCHER = f"""
import atexit, json, os, sys

def write_journal():
    names = [name for name in sys.modules if name.partition(".")[0] in {PACKAGES!r}]
    files = [getattr(sys.modules[name], "__file__", None) for name in names]
    with open(os.environ["VOC_SEG_IMPORTED"], "a") as journal:
        journal.write(json.dumps([file for file in files if file]) + "\\n")

if "VOC_SEG_IMPORTED" in os.environ:
    atexit.register(write_journal)
"""
"""A `sitecustomize` that writes which files of this project each process has imported."""


@dataclasses.dataclass(frozen=True)
class Installed:
    """An environment with the wheel and the packages of the locked environment, without the checkout.

    Attributes:
        folder: the virtual environment.
        journal: the file that `WATCHER` writes.
    """

    folder: Path
    journal: Path

    @property
    def environment(self) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTEST_CURRENT_TEST")}
        return {
            **own,
            "PATH": f"{self.folder / 'bin'}{os.pathsep}{own['PATH']}",
            "VOC_SEG_IMPORTED": str(self.journal),
        }

    def run(self, folder: Path, *command: str, status: int = 0) -> str:
        finished = subprocess.run(
            [self.folder / "bin" / command[0], *command[1:]],
            cwd=folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert finished.returncode == status, finished.stdout[-4000:] + finished.stderr[-4000:]
        return finished.stdout + finished.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    scratch = tmp_path_factory.mktemp("installed")
    source = scratch / "source"
    source.mkdir()
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(PROJECT / name, source)
    for package in PACKAGES:
        shutil.copytree(PROJECT / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    build = f"import setuptools.build_meta as backend; backend.build_wheel({str(scratch)!r})"
    subprocess.run([sys.executable, "-c", build], cwd=source, check=True, capture_output=True)
    (wheel,) = scratch.glob("*.whl")
    shutil.rmtree(source)
    environment = scratch / "environment"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    pip = [str(environment / "bin/python"), "-m", "pip"]
    subprocess.run([*pip, "install", "--quiet", "--no-deps", "--no-index", str(wheel)], check=True)
    (site_packages,) = environment.glob("lib/python*/site-packages")
    (locked,) = Path(sys.prefix).glob("lib/python*/site-packages")
    # Python does not read the .pth files in that folder, so an editable install there stays invisible.
    (site_packages / "locked.pth").write_text(f"{locked}\n")
    (site_packages / "sitecustomize.py").write_text(WATCHER)
    return Installed(environment, scratch / "imported.jsonl")


@pytest.fixture(scope="module")
def workspace(installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a devkit, a compiled specification and a run of LocalDagRunner; no file of the checkout."""
    folder = tmp_path_factory.mktemp("workspace")
    installed.run(folder, "vocseg", "data", "sample", "voc/VOC2012", "--train", "24", "--val", "8")
    settings = [argument for override in OVERRIDES for argument in ("--set", override)]
    installed.run(
        folder,
        *("vocseg", "kubeflow", "compile", *settings, "--image", "registry.example/voc-seg:0.1.0"),
        *("--pipeline-root", "minio://mlpipeline/voc-seg", "--output", "spec.yaml"),
    )
    installed.run(folder, "vocseg", "run", *settings, "--devkit", "voc/VOC2012", "--output", "local")
    return folder


def _mean_iou(evaluation: dict[str, Any]) -> dict[str, float]:
    return {name: evaluation["candidates"][name]["mean_iou"] for name in CANDIDATES}


def _compare(installed: Installed, workspace: Path, evaluation_file: Path, serving: Path) -> None:
    """Asserts that the metrics of all candidates and of the published model equal LocalDagRunner's to 1e-6."""
    local = json.loads((workspace / "local/summary.json").read_text())
    evaluation = json.loads(evaluation_file.read_text())
    assert _mean_iou(evaluation) == pytest.approx(_mean_iou(local), abs=1e-6)
    (version,) = serving.iterdir()
    output = workspace / f"evaluation_of_{serving.name}"
    installed.run(
        workspace,
        *("vocseg", "evaluate", local["published"], str(version), "--devkit", "voc/VOC2012", "--output", str(output)),
    )
    published = list(json.loads((output / "evaluation.json").read_text())["candidates"].values())
    assert [metrics["network"] for metrics in published] == [local["selected"]] * 2
    expected = local["candidates"][local["selected"]]
    for metrics in published:
        assert metrics["mean_iou"] == pytest.approx(expected["mean_iou"], abs=1e-6)
        assert metrics["per_class_iou"] == pytest.approx(expected["per_class_iou"], abs=1e-6)


def _assert_only_installed_files_were_imported(installed: Installed) -> None:
    imported = {file for line in installed.journal.read_text().splitlines() for file in json.loads(line)}
    for node_module in ("pipeline/kubeflow/node/run.py", "segmentation_trainer/executor.py"):
        assert any(file.endswith(node_module) for file in imported)
    assert all(Path(file).is_relative_to(installed.folder) for file in imported), imported


@pytest.mark.slow
def test_the_emulated_backend_publishes_the_same_model_as_local_dag_runner(
    installed: Installed, workspace: Path
) -> None:
    printed = installed.run(
        workspace,
        *("vocseg", "kubeflow", "emulate", "spec.yaml", "--output", "emulated"),
        *("--set", f"devkit={workspace / 'voc/VOC2012'}", "--set", f"publish_to={workspace / 'emulated_serving'}"),
    )
    assert "nodes finished in" in printed
    (evaluation,) = (workspace / "emulated/object_store").rglob("evaluation.json")
    _compare(installed, workspace, evaluation, workspace / "emulated_serving")
    _assert_only_installed_files_were_imported(installed)


@pytest.mark.slow
def test_kfps_local_runner_publishes_the_same_model_as_local_dag_runner(installed: Installed, workspace: Path) -> None:
    script = shutil.copy(Path(__file__).with_name("kfp_local_run.py"), workspace)
    installed.run(
        workspace,
        *("python", str(script), "spec.yaml", str(workspace / "kfp_local")),
        *(f"devkit={workspace / 'voc/VOC2012'}", f"publish_to={workspace / 'kfp_serving'}"),
    )
    (evaluation,) = (workspace / "kfp_local").rglob("evaluation.json")
    _compare(installed, workspace, evaluation, workspace / "kfp_serving")
    _assert_only_installed_files_were_imported(installed)


@pytest.mark.slow
def test_tfxs_own_command_fails_on_the_emulated_backend(installed: Installed, workspace: Path) -> None:
    spec = yaml.safe_load((workspace / "spec.yaml").read_text())
    for executor in spec["deploymentSpec"]["executors"].values():
        executor["container"]["command"][2] = "tfx.orchestration.kubeflow.v2.container.kubeflow_v2_run_executor"
    (workspace / "stock.yaml").write_text(yaml.safe_dump(spec))
    printed = installed.run(
        workspace,
        *("vocseg", "kubeflow", "emulate", "stock.yaml", "--output", "stock"),
        *("--set", f"devkit={workspace / 'voc/VOC2012'}", "--set", f"publish_to={workspace / 'stock_serving'}"),
        status=1,
    )
    assert "CuratedSchema: the command ended with status 1: ImportError: Could not import system.Artifact" in printed
    assert not (workspace / "stock_serving").exists()
