"""Runs the pipeline on this machine with LocalDagRunner, and shows what it does."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator
from typing import Any

import tfx.v1  # noqa: F401  (first: it installs a stand-in that other libraries need)
from ml_metadata.metadata_store import MetadataStore
from tfx.dsl.compiler import compiler
from tfx.orchestration import metadata
from tfx.orchestration.local import local_dag_runner
from tfx.orchestration.portable import launcher

from components.progress import listening
from components.segmentation_trainer.training import TrainingError
from pipeline.config import RunConfig
from pipeline.display import Display
from pipeline.pipeline import create_pipeline
from pipeline.summary import make_summary, outputs_of_run, write_summary
from tfds_voc_seg.conversion import ConversionError
from tfds_voc_seg.devkit import find_devkit

UNCACHED_NODES = ("Pusher",)
"""Nodes that run each time. A blessing that still stands is published again where the publishing folder was emptied."""


class RunError(RuntimeError):
    """A node that failed; the message is for people."""


def run_locally(config: RunConfig, display: Display) -> dict[str, Any]:
    """Runs the pipeline and writes `summary.json`.

    Args:
        config: the whole run; its devkit must be on this machine.
        display: shows the nodes and their progress.

    Returns:
        What went into `summary.json`.

    Raises:
        RunError: a node failed.
        DevkitError: the devkit can't be used.
        ConfigError: a candidate's network is not to be found.
    """
    find_devkit(config.devkit_folder)
    config.output_folder.mkdir(parents=True, exist_ok=True)
    pipeline_ir = compiler.Compiler().compile(create_pipeline(config))
    for node in pipeline_ir.nodes:
        if node.pipeline_node.node_info.id in UNCACHED_NODES:
            node.pipeline_node.execution_options.caching_options.enable_cache = False
    watch = _NodeWatch(display)
    with display.live(), listening(display.progress), _watched(watch):
        local_dag_runner.LocalDagRunner().run_with_ir(pipeline_ir)
    run_id = pipeline_ir.runtime_spec.pipeline_run_id.field_value.string_value
    store = MetadataStore(metadata.sqlite_metadata_connection_config(config.metadata_file))
    outputs = outputs_of_run(store, pipeline_ir.pipeline_info.id, run_id)
    summary = make_summary(outputs, watch.seconds, watch.cached)
    write_summary(config.output_folder, summary)
    return summary


class _NodeWatch:
    """Times the nodes and notes which were cached."""

    def __init__(self, display: Display):
        self.seconds: dict[str, float] = {}
        self.cached: list[str] = []
        self._display = display

    @contextlib.contextmanager
    def node(self, node_id: str) -> Iterator[_Execution]:
        execution = _Execution()
        self._display.node_started(node_id)
        started = time.monotonic()
        try:
            yield execution
        except Exception as error:
            self._display.node_failed(node_id)
            raise RunError(f"{node_id}: {_for_people(error)}") from error
        self.seconds[node_id] = time.monotonic() - started
        if not execution.executed:
            self.cached.append(node_id)
        self._display.node_finished(node_id, self.seconds[node_id], cached=not execution.executed)


class _Execution:
    executed = False


@contextlib.contextmanager
def _watched(watch: _NodeWatch) -> Iterator[None]:
    """Has LocalDagRunner launch its nodes under the watch; it has no hook of its own."""

    class WatchedLauncher(launcher.Launcher):
        def launch(self) -> Any:
            with watch.node(self._pipeline_node.node_info.id) as self._watched_execution:
                return super().launch()

        def _run_executor(self, execution_info: Any) -> Any:
            self._watched_execution.executed = True
            return super()._run_executor(execution_info)

    original = local_dag_runner.launcher.Launcher
    local_dag_runner.launcher.Launcher = WatchedLauncher
    try:
        yield
    finally:
        local_dag_runner.launcher.Launcher = original


def _for_people(error: BaseException) -> str:
    """The message of an error of ours without what Beam adds to it; the type too where the error is not ours."""
    message = re.sub(r" \[while running '.*", "", str(error), flags=re.DOTALL).strip()
    ours = isinstance(error, ValueError | ConversionError | TrainingError)
    return message if ours else f"{type(error).__name__}: {message}"
