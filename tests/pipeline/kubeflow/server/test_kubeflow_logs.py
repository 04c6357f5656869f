"""`vocseg kubeflow logs`: it finds a node's pods and reads their logs from two places."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pipeline.commands.terminal import EXIT_FAILED, EXIT_USAGE
from tests.pipeline.kubeflow.server.cluster_commands import NODES, vocseg_kubeflow, write_spec
from tests.pipeline.kubeflow.server.kfp_server import WORKFLOW, KFPServer, running_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Capture = pytest.CaptureFixture[str]
TRAINER = "SegmentationTrainer-fcn8"


def argo_workflow() -> dict[str, Any]:
    """Argo's workflow for the small specification: per node a driver and an executor; the trainer ran twice."""
    nodes: dict[str, Any] = {}

    def add(number: int, display: str, kind: str, template: str, phase: str, children: tuple[int, ...]) -> None:
        node_id = f"{WORKFLOW}-{number}"
        nodes[node_id] = {
            "id": node_id,
            "displayName": display,
            "type": kind,
            "templateName": template,
            "phase": phase,
            "children": [f"{WORKFLOW}-{child}" for child in children],
        }

    add(1, f"{NODES[0]}-driver", "Pod", "system-container-driver", "Succeeded", (2,))
    add(2, NODES[0], "DAG", "system-container-executor", "Succeeded", (3,))
    add(3, "executor", "Pod", "system-container-impl", "Succeeded", (4,))
    add(4, f"{TRAINER}-driver", "Pod", "system-container-driver", "Succeeded", (5,))
    add(5, TRAINER, "DAG", "retry-system-container-executor", "Failed", (6,))
    add(6, "executor", "Retry", "retry-system-container-impl", "Failed", (7, 8))
    add(7, "executor(0)", "Pod", "retry-system-container-impl", "Failed", ())
    add(8, "executor(1)", "Pod", "retry-system-container-impl", "Failed", ())
    return {"metadata": {"name": WORKFLOW, "namespace": "team"}, "status": {"nodes": nodes}}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[KFPServer]:
    with running_server() as kfp:
        kfp.states, kfp.failed_node, kfp.workflow = ("FAILED",), TRAINER, argo_workflow()
        kfp.logs = {
            f"{WORKFLOW}-system-container-impl-3": "10 pairs\n",
            f"{WORKFLOW}-retry-system-container-impl-7": "first try: out of memory",
            f"{WORKFLOW}-retry-system-container-impl-8": "second try: out of memory\n",
        }
        assert vocseg_kubeflow("submit", write_spec(tmp_path / "pipeline.yaml"), "--host", kfp.url) == 0
        yield kfp


@pytest.mark.parametrize("web_page_only", [False, True])
def test_without_a_node_the_logs_of_all_failed_nodes_are_printed(
    server: KFPServer, capsys: Capture, web_page_only: bool
) -> None:
    server.web_page_only = web_page_only
    capsys.readouterr()
    assert vocseg_kubeflow("logs", "run-1", "--host", server.url) == 0
    printed = capsys.readouterr()
    assert printed.out == "first try: out of memory\nsecond try: out of memory\n"
    assert f"== {TRAINER} ({WORKFLOW}-retry-system-container-impl-8)" in printed.err
    if web_page_only:
        assert server.requests[-1][2]["podnamespace"] == "team"


def test_the_logs_of_one_node_are_printed(server: KFPServer, capsys: Capture) -> None:
    capsys.readouterr()
    assert vocseg_kubeflow("logs", "run-1", NODES[0], "--host", server.url) == 0
    assert capsys.readouterr().out == "10 pairs\n"
    assert vocseg_kubeflow("logs", "run-1", "SegmentationTrainer.fcn8", "--host", server.url) == 0
    assert capsys.readouterr().out.startswith("first try")


def test_each_reason_for_a_missing_log_has_its_own_message(server: KFPServer, capsys: Capture) -> None:
    arguments = ("--host", server.url)
    assert vocseg_kubeflow("logs", "run-1", "Trainer", *arguments) == EXIT_USAGE
    assert f"no node 'Trainer'; the nodes are {', '.join(NODES)}" in capsys.readouterr().err
    assert vocseg_kubeflow("logs", "run-1", "Pusher", *arguments) == EXIT_USAGE
    assert "Pusher has no container: it has not started" in capsys.readouterr().err
    server.logs.clear()
    assert vocseg_kubeflow("logs", "run-1", *arguments) == EXIT_FAILED
    error = capsys.readouterr().err
    assert "Failed to read logs from pod" in error
    assert f"kubectl logs -n team {WORKFLOW}-retry-system-container-impl-7 -c main" in error
    assert server.workflow
    for status in server.workflow["status"]["nodes"].values():
        status["phase"] = "Succeeded"
    assert vocseg_kubeflow("logs", "run-1", *arguments) == EXIT_USAGE
    assert "no node of the run has failed; name a node to read its log. The nodes are " in capsys.readouterr().err
    server.workflow = None
    assert vocseg_kubeflow("logs", "run-1", *arguments) == EXIT_FAILED
    assert "kubectl get pods -l pipeline/runid=run-1" in capsys.readouterr().err
