"""Monitors the nodes that LocalDagRunner launches: their times, cached results and errors."""

from __future__ import annotations

import contextlib
import re
import time
from typing import TYPE_CHECKING, Any

from tfx.orchestration.local import local_dag_runner
from tfx.orchestration.portable import launcher

from components.artifacts.manifests import write_artifact_manifest
from components.data_validator.findings import DataValidationError
from components.manifest import ArtifactError, has_manifest, refuse_content
from components.saved_model.model_digest import ModelFilesError
from components.training.step_reports import TrainingError
from pipeline.config.problems import ConfigError
from pipeline.local.intact_cache import intact_cache
from tfds_voc_seg.conversion.write_shards import ConversionError
from tfds_voc_seg.devkit.problems import DevkitError
from tfds_voc_seg.disk_errors import full_disk_problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pipeline.display.live import Display
    from pipeline.metadata.execution_records import ExecutionRecorder
    from tfds_voc_seg.devkit.problems import Problem

_SELF_EXPLANATORY = {
    error.__name__
    for error in (
        ArtifactError,
        ModelFilesError,
        ConfigError,
        ConversionError,
        DataValidationError,
        DevkitError,
        TrainingError,
        ValueError,
    )
}
"""Names of the error types whose message is shown without the type."""


class RunError(RuntimeError):
    """A node has failed.

    Attributes:
        problems: the invalid images of the devkit; empty if the error has another cause.
    """

    def __init__(self, message: str, problems: Sequence[Problem] = ()):
        super().__init__(message)
        self.problems = tuple(problems)


class NodeMonitor:
    """Shows each node on the display and measures it.

    Attributes:
        seconds: node id → how long the node took, for the nodes that have finished.
        cached: ids of the nodes whose result came from the cache.
        damaged: node id → what is wrong with its cached result, for the nodes that ran again because of this.
        recorder: records the executions of the nodes.
    """

    def __init__(self, display: Display, recorder: ExecutionRecorder):
        self.seconds: dict[str, float] = {}
        self.cached: list[str] = []
        self.damaged: dict[str, str] = {}
        self.recorder = recorder
        self._display = display

    @contextlib.contextmanager
    def attached(self) -> Iterator[None]:
        """Monitors all nodes that LocalDagRunner launches inside the `with` block.

        LocalDagRunner has no hooks, so its class of launchers is replaced meanwhile.
        """
        original = local_dag_runner.launcher.Launcher
        local_dag_runner.launcher.Launcher = _monitored_launcher(self)
        try:
            with intact_cache(self._display, self.damaged):
                yield
        finally:
            local_dag_runner.launcher.Launcher = original

    @contextlib.contextmanager
    def node(self, node_id: str) -> Iterator[_Execution]:
        """Monitors one node inside the `with` block.

        Raises:
            RunError: instead of any exception of the node.
        """
        execution = _Execution()
        self._display.node_started(node_id)
        started = time.monotonic()
        try:
            yield execution
        except Exception as error:
            self._display.node_failed(node_id)
            raise RunError(f"{node_id}: {short_message(error)}", getattr(error, "problems", ())) from error
        self.seconds[node_id] = time.monotonic() - started
        cached = not execution.executor_ran
        if cached:
            self.cached.append(node_id)
        self._display.node_finished(node_id, self.seconds[node_id], cached=cached)


class _Execution:
    """One launch of a node.

    Attributes:
        executor_ran: whether the executor was run; it is not run if the result is in the cache.
    """

    executor_ran = False


def _monitored_launcher(monitor: NodeMonitor) -> type[Any]:
    """Makes a class of launchers that report to a monitor."""

    class MonitoredLauncher(launcher.Launcher):
        def __init__(self, **settings: Any):
            super().__init__(**settings)
            # The executor has received its Beam options by now. The launcher's own copy goes into the cache key; the
            # options are removed from it, because the place where a Beam job runs does not change its output.
            self._executor_spec: Any = _without_beam_options(settings["executor_spec"])

        def launch(self) -> Any:
            with monitor.node(self._pipeline_node.node_info.id) as self._monitored_execution:
                try:
                    return super().launch()
                finally:
                    monitor.recorder.sync()

        def _run_executor(self, execution_info: Any) -> Any:
            monitor.recorder.sync()  # so that a version is never without the record of the execution that published it
            self._monitored_execution.executor_ran = True
            outputs = [artifact for same_key in execution_info.output_dict.values() for artifact in same_key]
            for artifact in outputs:  # here, because after an error of the executor TFX empties these folders
                refuse_content(artifact.uri)
            result = super()._run_executor(execution_info)
            for artifact in outputs:
                if not has_manifest(artifact.uri):  # TFX's own executors do not write it
                    write_artifact_manifest(artifact)
            return result

    return MonitoredLauncher


def _without_beam_options(executor_spec: Any) -> Any:
    if not hasattr(executor_spec, "beam_pipeline_args"):
        return executor_spec
    copy = type(executor_spec)()
    copy.CopyFrom(executor_spec)
    for field in ("beam_pipeline_args", "beam_pipeline_args_placeholders"):
        copy.ClearField(field)
    return copy


def short_message(error: BaseException) -> str:
    """Returns the message of an error without the additions of Beam.

    The message of a library's error comes after its type; that of an error of this project does not.
    """
    if problem := full_disk_problem(error):
        return problem
    name, message = type(error).__name__, str(error)
    if "Traceback (most recent call last)" in message:  # a worker process failed, and sent its traceback as text
        raised = re.findall(r"^(?:\w+\.)*(\w+(?:Error|Exception)): (.+)$", message, flags=re.MULTILINE)
        name, message = raised[-1] if raised else (name, message.splitlines()[-1])
    message = re.sub(r" \[while running '.*", "", message, flags=re.DOTALL).strip()
    return message if name in _SELF_EXPLANATORY else f"{name}: {message}"
