from __future__ import annotations

import platform
from typing import TYPE_CHECKING

import pytest

from pipeline.metadata.runs import RunNotFoundError, latest_complete_run, library_versions, open_store, producer
from tests.pipeline.made_run import MadeRun

if TYPE_CHECKING:
    from pathlib import Path

PUSHED = {"pushed_model": ("PushedModel", {"pushed": 0})}


@pytest.fixture
def made(tmp_path: Path) -> MadeRun:
    """A finished run of two nodes, and a later run that took the first node's result from the cache."""
    run = MadeRun(tmp_path)
    run.begin("first", {"config": {"name": "demo"}})
    examples = run.node("VocExampleGen", {"examples": ("Examples", {})}, parameters={"devkit": "/data", "seed": 3})
    run.node("Pusher", PUSHED, inputs=examples)
    run.begin("second")
    run.node("VocExampleGen", {}, reuse=examples, state="cached")
    run.node("Pusher", PUSHED, inputs=examples)
    return run


def test_the_newest_finished_run_is_read(made: MadeRun) -> None:
    store = open_store(made.output)
    run = latest_complete_run(store)
    assert run.run_id == "second"
    assert [(node.id, node.cached) for node in run.nodes] == [("VocExampleGen", True), ("Pusher", False)]
    assert run.nodes[0].outputs["examples"].uri == str(made.output / "tfx/VocExampleGen/examples/1")
    assert run.facts == {}


def test_the_producer_of_a_cached_artifact_is_the_node_that_made_it(made: MadeRun) -> None:
    store = open_store(made.output)
    node = producer(store, latest_complete_run(store).nodes[0].outputs["examples"])
    assert node is not None
    assert not node.cached
    assert (node.id, node.parameters) == ("VocExampleGen", {"devkit": "/data", "seed": 3})


@pytest.mark.parametrize("nodes", [{"Pusher": "failed"}, {"VocExampleGen": "complete"}, {}])
def test_an_unfinished_run_is_skipped(made: MadeRun, nodes: dict[str, str]) -> None:
    made.begin("third")
    for node_id, state in nodes.items():
        outputs = PUSHED if node_id == "Pusher" else {"examples": ("Examples", {})}
        made.node(node_id, outputs, state=state)
    assert latest_complete_run(open_store(made.output)).run_id == "second"


def test_facts_are_read(tmp_path: Path) -> None:
    run = MadeRun(tmp_path)
    run.begin("only", {"config": {"name": "demo"}, "versions": {"tfx": "1.21.0"}})
    run.node("Pusher", PUSHED)
    facts = latest_complete_run(open_store(tmp_path)).facts
    assert facts == {"config": {"name": "demo"}, "versions": {"tfx": "1.21.0"}}


def test_a_folder_without_a_run_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RunNotFoundError, match="missing is not a folder; name the output folder of a run"):
        open_store(tmp_path / "missing")
    with pytest.raises(RunNotFoundError, match=r"holds no run: it has no metadata\.sqlite"):
        open_store(tmp_path)
    (tmp_path / "metadata.sqlite").write_text("not a database " * 100)
    with pytest.raises(RunNotFoundError, match=r"is damaged \(.*\); run `vocseg repair "):
        open_store(tmp_path)


def test_no_finished_run_is_an_error(tmp_path: Path) -> None:
    run = MadeRun(tmp_path)
    with pytest.raises(RunNotFoundError, match="no finished run: none was started"):
        latest_complete_run(open_store(tmp_path))
    run.begin("only")
    run.node("Pusher", PUSHED, state="failed")
    with pytest.raises(RunNotFoundError, match=r"1 run\(s\) were started there, but none has finished"):
        latest_complete_run(open_store(tmp_path))


def test_versions_of_installed_libraries() -> None:
    versions = library_versions()
    assert versions["python"] == platform.python_version()
    assert {"tfx", "tensorflow", "keras", "numpy"} <= set(versions)
