"""Writes the manifests of the artifacts that an executor has written."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from tfx.types import standard_artifacts

from components.artifacts.local_copies import original_uri
from components.manifest import refuse_content, write_manifest

if TYPE_CHECKING:
    from tfx import types

    from components.artifacts.local_copies import Artifacts, Do


def with_manifests(do: Do) -> Do:
    """Decorates the `Do` of an executor: it must start with empty outputs, and their manifests are written after it.

    Below `with_local_copies`, it writes the manifests to the local copies.
    """

    @functools.wraps(do)
    def do_with_manifests(
        executor: Any, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]
    ) -> None:
        outputs = [artifact for same_key in output_dict.values() for artifact in same_key]
        for artifact in outputs:
            refuse_content(original_uri(artifact.uri))
        do(executor, input_dict, output_dict, exec_properties)
        for artifact in outputs:
            write_artifact_manifest(artifact)

    return do_with_manifests


def write_artifact_manifest(artifact: types.Artifact) -> None:
    """Writes the manifest of an artifact, where the readers of its type tolerate it."""
    write_manifest(artifact.uri, beside=artifact.type_name == standard_artifacts.Schema.TYPE_NAME)
