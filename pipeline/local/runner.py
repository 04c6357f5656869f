"""Runs the pipeline on this machine with LocalDagRunner."""

from __future__ import annotations

import dataclasses
import json
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import keras
from etils import epath
from ml_metadata.metadata_store import MetadataStore
from rich.markup import escape
from tfx.dsl.compiler import compiler
from tfx.orchestration import metadata
from tfx.orchestration.local import local_dag_runner

from components.locks import locked
from components.model_pusher.executor import OUTDATED_PROPERTY
from components.model_pusher.run_summary import versions_changed
from components.networks import create_network
from components.networks.pixel_stride import with_pixel_stride
from components.progress import listening
from components.run_files import CURVES_FILE, HISTORY_JSON, METADATA_FILE
from components.targets.libraries import missing_library
from components.training.history import draw_curves
from pipeline.config.problems import ConfigError
from pipeline.local.interrupted_push import complete_interrupted_pushes
from pipeline.local.node_monitor import NodeMonitor, short_message
from pipeline.local.summary import make_summary, write_summary
from pipeline.metadata.database import check_database, reserve_execution_ids
from pipeline.metadata.execution_records import ExecutionRecorder, record_run
from pipeline.metadata.restoration import restore_executions
from pipeline.metadata.runs import outputs_of_run, record_facts
from pipeline.pipeline import create_pipeline, trainer_id
from pipeline.places import devkit_folder
from pipeline.report.page import write_report
from tfds_voc_seg.devkit.folders import find_devkit
from tfds_voc_seg.devkit.splits import describe_train_split
from tfds_voc_seg.storage import use_fsspec_for_s3

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pipeline.config.schema import RunConfig
    from pipeline.display.live import Display
    from pipeline.metadata.runs import NodeOutputs

    History = dict[str, list[float | None]]

_MAX_COMPARISONS = 3
"""How often a run compares its models with the one in service, if other processes keep publishing to the folder."""

UNCACHED_NODES = ("Pusher",)
"""Nodes that run every time. The Pusher publishes a blessed model again if the publishing folder was emptied."""


@dataclasses.dataclass(frozen=True)
class FinishedRun:
    """A run of the pipeline's nodes.

    Attributes:
        run_id: TFX's id of the run.
        store: the metadata.
        seconds: node id → how long the node took.
        cached: ids of the nodes whose result came from the cache.
        damaged: node id → what is wrong with its cached result, for the nodes that ran again because of this.
    """

    run_id: str
    store: MetadataStore
    seconds: Mapping[str, float]
    cached: list[str]
    damaged: Mapping[str, str]

    def followed_by(self, later: FinishedRun) -> FinishedRun:
        """Adds what this run did to a later run that repeated some of its nodes."""
        return FinishedRun(
            later.run_id,
            later.store,
            {node: self.seconds.get(node, 0) + seconds for node, seconds in later.seconds.items()},
            [node for node in later.cached if node in self.cached],
            {**self.damaged, **later.damaged},
        )

    def outputs(self) -> NodeOutputs:
        """Reads the outputs of each node from the metadata."""
        return outputs_of_run(self.store, self.run_id)


def run_locally(config: RunConfig, display: Display) -> dict[str, Any]:
    """Runs the pipeline, then writes the training curves, the report and `summary.json`.

    Args:
        config: the run; its devkit is on this machine or in an object store.
        display: shows the nodes and their progress.

    Returns:
        The content of `summary.json`.

    Raises:
        RunError: a node has failed.
        DevkitError: the devkit cannot be used.
        ConfigError: the network of a candidate cannot be created.
        LockedError: another process uses the output folder.
        DatabaseError: the metadata are damaged.
    """
    with locked(config.output_folder, "vocseg run", wait=False):
        return _run_and_summarize(config, display)


def _run_and_summarize(config: RunConfig, display: Display) -> dict[str, Any]:
    completed = _complete_interrupted_pushes(config, display)
    versions_changed(config.serving_folder)
    run = run_nodes(config, display)
    outputs = run.outputs()
    for _ in range(_MAX_COMPARISONS - 1):
        if not _is_outdated(outputs):
            break
        display.print("[yellow]another model was put into service meanwhile; the models are compared with it[/]")
        run = run.followed_by(run_nodes(config, display))
        outputs = run.outputs()
    record_facts(run.store, run.run_id, config.model_dump(mode="json"))
    record_run(config.output_folder, run.run_id)
    histories = {name: read_history(outputs, name) for name in config.candidates}
    draw_curves(histories, epath.Path(config.output_folder / CURVES_FILE))
    report = _try_to_write_report(config, display)
    repaired = {"damaged": dict(run.damaged), "completed": completed}
    summary = {**make_summary(outputs, run.seconds, run.cached), **repaired, "report": report}
    if completed:
        summary["reason"] = f"an interrupted run published {', '.join(completed)}; {summary['reason']}"
    return write_summary(config.output_folder, summary)


def run_nodes(config: RunConfig, display: Display, *, without: Collection[str] = ()) -> FinishedRun:
    """Runs the nodes of the pipeline.

    Args:
        config: the run; its devkit is on this machine or in an object store.
        display: shows the nodes and their progress.
        without: ids of nodes to omit, see `create_pipeline`.

    Raises:
        RunError: a node has failed.
        DevkitError: the devkit cannot be used.
        ConfigError: the network of a candidate cannot be created.
        LockedError: another process uses the output folder.
        DatabaseError: the metadata are damaged.
    """
    with locked(config.output_folder, "vocseg run", wait=False):
        return _run_nodes(config, display, without)


def _run_nodes(config: RunConfig, display: Display, without: Collection[str]) -> FinishedRun:
    use_fsspec_for_s3(config.model_dump_json())  # the devkit and weights can be there
    devkit = find_devkit(devkit_folder(config))
    if config.data.train_masks != "voc":
        display.print(describe_train_split(devkit, config.data.train_masks))
    _check_networks(config)
    _check_target_libraries(config)
    store = _open_metadata(config, display)
    pipeline_ir = compiler.Compiler().compile(create_pipeline(config, without=without))
    for node in pipeline_ir.nodes:
        if node.pipeline_node.node_info.id in UNCACHED_NODES:
            node.pipeline_node.execution_options.caching_options.enable_cache = False
    monitor = NodeMonitor(display, ExecutionRecorder(config.output_folder))
    with display.live(), listening(display.progress), monitor.attached():
        local_dag_runner.LocalDagRunner().run_with_ir(pipeline_ir)
    return FinishedRun(
        run_id=pipeline_ir.runtime_spec.pipeline_run_id.field_value.string_value,
        store=store,
        seconds=monitor.seconds,
        cached=monitor.cached,
        damaged=monitor.damaged,
    )


def _open_metadata(config: RunConfig, display: Display) -> MetadataStore:
    """Opens the database, which is created if it does not exist, for new executions."""
    _check_and_restore_database(config, display)
    store = MetadataStore(metadata.sqlite_metadata_connection_config(config.metadata_file))
    reserve_execution_ids(Path(config.metadata_file), Path(config.pipeline_root))
    return store


def _check_and_restore_database(config: RunConfig, display: Display) -> None:
    check_database(Path(config.metadata_file))
    restoration = restore_executions(config.output_folder)
    if restoration.executions:
        display.print(
            f"[yellow]{restoration.executions} executions were not in {METADATA_FILE}; "
            "they were restored from their records[/]"
        )
    for problem in restoration.problems:
        display.print(f"[yellow]lost:[/] {escape(problem)}")


def _complete_interrupted_pushes(config: RunConfig, display: Display) -> list[str]:
    _check_and_restore_database(config, display)
    if not Path(config.metadata_file).exists():
        return []
    completed = complete_interrupted_pushes(config.output_folder)
    for version in completed:
        display.print(f"version {version} was published by a run that was interrupted; its record is complete now")
    return completed


def _is_outdated(outputs: NodeOutputs) -> bool:
    """Returns whether a model was not published because it was compared with a model that is no longer in service."""
    pushed = outputs["Pusher"]["pushed_model"].custom_properties
    return OUTDATED_PROPERTY in pushed and bool(pushed[OUTDATED_PROPERTY].int_value)


def read_history(outputs: NodeOutputs, candidate: str) -> History:
    """Reads the training history of a candidate: metric → its value after each epoch."""
    folder = epath.Path(outputs[trainer_id(candidate)]["model_run"].uri)
    return cast("History", json.loads((folder / HISTORY_JSON).read_text()))


def _check_networks(config: RunConfig) -> None:
    """Creates each network once, so that a wrong option is found before the long work starts."""
    for name, candidate in config.candidates.items():
        try:
            network = create_network(
                candidate.network,
                image_size=config.data.image_size,
                num_classes=len(config.data.class_names),
                **candidate.options,
            )
            with_pixel_stride(network, candidate.training.pixel_stride)
        except ValueError as error:
            raise ConfigError(f"candidates.{name}: {error}") from error
    keras.backend.clear_session()


def _check_target_libraries(config: RunConfig) -> None:
    """Checks that the libraries of the targets are installed, before the long work starts."""
    for target in config.publishing.exports.targets if config.publishing.exports else ():
        if missing := missing_library(target):
            raise ConfigError(
                f"publishing.targets: {target} needs {missing}, which is not installed: pip install 'voc-seg[export]'"
            )


def _try_to_write_report(config: RunConfig, display: Display) -> str | None:
    """Writes the report of a finished run. An error is shown and logged, but does not fail the run.

    Returns:
        The path of the page; `None` after an error.
    """
    try:
        return str(write_report(config.output_folder))
    except Exception as error:
        display.print(f"[bold yellow]the report could not be written:[/] {escape(short_message(error))}")
        traceback.print_exc()  # standard error is the log file
        return None
