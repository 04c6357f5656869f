"""Runs the pipeline on this machine with LocalDagRunner, and shows what it does."""

from __future__ import annotations

import contextlib
import json
import re
import time
import traceback
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import keras
import tfx.v1  # noqa: F401  (first: it installs a stand-in that other libraries need)
from etils import epath
from ml_metadata.metadata_store import MetadataStore
from rich.markup import escape
from tfx.dsl.compiler import compiler
from tfx.orchestration import metadata
from tfx.orchestration.local import local_dag_runner
from tfx.orchestration.portable import launcher

from components.data_validator.findings import DataValidationError
from components.networks import create_network
from components.progress import listening
from components.run_files import CURVES_FILE, HISTORY_JSON
from components.training.callbacks import TrainingError
from components.training.history import draw_curves
from pipeline.config.problems import ConfigError
from pipeline.config.schema import RunConfig
from pipeline.display.live import Display
from pipeline.local.summary import make_summary, write_summary
from pipeline.metadata.runs import outputs_of_run, record_facts
from pipeline.pipeline import create_pipeline, trainer_id
from pipeline.places import devkit_folder
from pipeline.report.page import write_report
from tfds_voc_seg.conversion.write_shards import ConversionError
from tfds_voc_seg.devkit.folders import find_devkit
from tfds_voc_seg.devkit.problems import DevkitError, Problem
from tfds_voc_seg.storage import use_fsspec_for_s3

UNCACHED_NODES = ("Pusher",)
"""Nodes that run each time. A blessing that still stands is published again where the publishing folder was emptied."""


_FOR_PEOPLE = {
    error.__name__
    for error in (ConfigError, ConversionError, DataValidationError, DevkitError, TrainingError, ValueError)
}


class RunError(RuntimeError):
    """A node that failed; the message is for people.

    Attributes:
        problems: the images of the devkit at fault, where it is about images.
    """

    def __init__(self, message: str, problems: Sequence[Problem] = ()):
        super().__init__(message)
        self.problems = tuple(problems)


def run_locally(config: RunConfig, display: Display) -> dict[str, Any]:
    """Runs the pipeline, draws the candidates' training curves side by side and writes the report and `summary.json`.

    Args:
        config: the whole run; its devkit is on this machine, or in an object store.
        display: shows the nodes and their progress.

    Returns:
        What went into `summary.json`.

    Raises:
        RunError: a node failed.
        DevkitError: the devkit can't be used.
        ConfigError: a candidate's network can't be made.
    """
    run_id, store, watch = run_nodes(config, display)
    record_facts(store, run_id, config.model_dump(mode="json"))
    outputs = outputs_of_run(store, run_id)
    histories = {name: _history(outputs[trainer_id(name)]["model_run"].uri) for name in config.candidates}
    draw_curves(histories, epath.Path(config.output_folder / CURVES_FILE))
    report = _write_report(config, display)
    summary = {**make_summary(outputs, watch.seconds, watch.cached), "report": report}
    write_summary(config.output_folder, summary)
    return summary


def run_nodes(
    config: RunConfig, display: Display, *, without: Collection[str] = ()
) -> tuple[str, MetadataStore, _NodeWatch]:
    """Runs the pipeline's nodes. Arguments and errors as `run_locally`.

    Args:
        config: the whole run.
        display: shows the nodes.
        without: ids of nodes to leave out, see `create_pipeline`.

    Returns:
        TFX's name of the run, the metadata, and what each node took.
    """
    use_fsspec_for_s3(config.data.devkit)
    find_devkit(devkit_folder(config))
    _check_networks(config)
    config.output_folder.mkdir(parents=True, exist_ok=True)
    pipeline_ir = compiler.Compiler().compile(create_pipeline(config, without=without))
    for node in pipeline_ir.nodes:
        if node.pipeline_node.node_info.id in UNCACHED_NODES:
            node.pipeline_node.execution_options.caching_options.enable_cache = False
    watch = _NodeWatch(display)
    with display.live(), listening(display.progress), _watched(watch):
        local_dag_runner.LocalDagRunner().run_with_ir(pipeline_ir)
    run_id = pipeline_ir.runtime_spec.pipeline_run_id.field_value.string_value
    return run_id, MetadataStore(metadata.sqlite_metadata_connection_config(config.metadata_file)), watch


def _write_report(config: RunConfig, display: Display) -> str | None:
    """Writes the report of a run that is through. Whatever goes wrong with it is said, and the run stands."""
    try:
        return str(write_report(config.output_folder))
    except Exception as error:
        display.print(f"[bold yellow]the report could not be written:[/] {escape(_for_people(error))}")
        traceback.print_exc()  # to the log
        return None


def _history(model_run: str) -> dict[str, list[float | None]]:
    return json.loads((epath.Path(model_run) / HISTORY_JSON).read_text())


def _check_networks(config: RunConfig) -> None:
    """Makes each network once, so that a wrong option is found before hours of work."""
    for name, candidate in config.candidates.items():
        try:
            create_network(
                candidate.network,
                image_size=config.data.image_size,
                num_classes=len(config.data.class_names),
                **candidate.options,
            )
        except ValueError as error:
            raise ConfigError(f"candidates.{name}: {error}") from error
    keras.backend.clear_session()


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
            raise RunError(f"{node_id}: {_for_people(error)}", getattr(error, "problems", ())) from error
        self.seconds[node_id] = time.monotonic() - started
        if not execution.executed:
            self.cached.append(node_id)
        self._display.node_finished(node_id, self.seconds[node_id], cached=not execution.executed)


class _Execution:
    executed = False


def _without_beam_options(executor_spec: Any) -> Any:
    if not hasattr(executor_spec, "beam_pipeline_args"):
        return executor_spec
    without = type(executor_spec)()
    without.CopyFrom(executor_spec)
    for field in ("beam_pipeline_args", "beam_pipeline_args_placeholders"):
        without.ClearField(field)
    return without


@contextlib.contextmanager
def _watched(watch: _NodeWatch) -> Iterator[None]:
    """Has LocalDagRunner launch its nodes under the watch; it has no hook of its own."""

    class WatchedLauncher(launcher.Launcher):
        def __init__(self, **settings: Any):
            super().__init__(**settings)
            # The executor has its Beam options by now. What is left of them goes into the cache's key, but where a
            # job runs changes nothing in what it writes.
            self._executor_spec: Any = _without_beam_options(settings["executor_spec"])

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
    name, message = type(error).__name__, str(error)
    if "Traceback (most recent call last)" in message:  # from a worker process: the whole of it as text
        raised = re.findall(r"^(?:\w+\.)*(\w+(?:Error|Exception)): (.+)$", message, flags=re.MULTILINE)
        name, message = raised[-1] if raised else (name, message.splitlines()[-1])
    message = re.sub(r" \[while running '.*", "", message, flags=re.DOTALL).strip()
    return message if name in _FOR_PEOPLE else f"{name}: {message}"
