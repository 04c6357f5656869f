"""Completes the record of a version whose run was killed after it had published the version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tfx.orchestration import metadata
from tfx.orchestration.portable import execution_publish_utils
from tfx.types import standard_artifacts, standard_component_specs

from components.artifacts.manifests import write_artifact_manifest
from components.manifest import has_manifest
from components.run_files import METADATA_FILE, SERVING_FOLDER
from pipeline.metadata.lineage import PUSHED_MODEL_TYPE
from pipeline.metadata.own_versions import own_versions

if TYPE_CHECKING:
    from pathlib import Path


def complete_interrupted_pushes(output: Path) -> list[str]:
    """Records each version of an output folder that the metadata does not have yet.

    A version names the PushedModel artifact of its execution since before it was renamed into place; the last part of
    the artifact's URI is the id of the execution.

    Args:
        output: the output folder of `vocseg run`, whose database exists.

    Returns:
        The versions that were recorded.
    """
    unrecorded = [*own_versions(output)]
    if not unrecorded:
        return []
    completed = []
    with metadata.Metadata(metadata.sqlite_metadata_connection_config(str(output / METADATA_FILE))) as handle:
        recorded = _recorded_versions(handle.store)
        for version, pushed_model in unrecorded:
            executions = handle.store.get_executions_by_id([int(pushed_model.name)])
            if version.name in recorded or not executions:  # the database was removed: nothing to complete
                continue
            artifact = standard_artifacts.PushedModel()
            artifact.uri = str(pushed_model)
            artifact.set_int_custom_property("pushed", 1)
            artifact.set_string_custom_property("pushed_destination", str(output / SERVING_FOLDER / version.name))
            artifact.set_string_custom_property("pushed_version", version.name)
            if not has_manifest(artifact.uri):
                write_artifact_manifest(artifact)
            execution_publish_utils.publish_succeeded_execution(
                metadata_handle=handle,
                execution_id=executions[0].id,
                contexts=handle.store.get_contexts_by_execution(executions[0].id),
                output_artifacts={standard_component_specs.PUSHED_MODEL_KEY: [artifact]},
            )
            completed.append(version.name)
    return completed


def _recorded_versions(store: Any) -> set[str]:
    known = {artifact_type.name for artifact_type in store.get_artifact_types()}
    pushed = store.get_artifacts_by_type(PUSHED_MODEL_TYPE) if PUSHED_MODEL_TYPE in known else []
    return {
        artifact.custom_properties["pushed_version"].string_value
        for artifact in pushed
        if "pushed_version" in artifact.custom_properties
    }
