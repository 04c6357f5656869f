"""Local copies of artifacts in a storage that TensorFlow cannot open, for the duration of an executor."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf
from etils import epath
from tfx import types

from components.run_files import MANIFEST_FILE
from tfds_voc_seg.storage import copy_folder

Artifacts = dict[str, list[types.Artifact]]
Do = Callable[[Any, Artifacts, Artifacts, dict[str, Any]], None]
"""The `Do` method of an executor: inputs, outputs, execution parameters."""

_original_uris: dict[str, str] = {}
"""The local copies in use: folder → the artifact's original URI."""


def with_local_copies(do: Do) -> Do:
    """Decorates the `Do` of an executor whose libraries read or write artifacts with TensorFlow.

    Artifacts on a disk or at `gs://` are used in place. Others, such as those at `s3://`, are opened only by epath:
    their inputs are copied to a scratch folder before `Do`, and `Do` writes their outputs there. After `Do` succeeds,
    the outputs are copied to their original URIs; after an error nothing is copied. While `Do` runs, the `uri` of such
    an artifact is the folder of its copy, and `original_uri` returns the original.
    """

    @functools.wraps(do)
    def do_with_local_copies(
        executor: Any, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]
    ) -> None:
        inputs, outputs = [*_remote(input_dict)], [*_remote(output_dict)]
        originals = [(artifact, artifact.uri) for artifact in (*inputs, *outputs)]
        with tempfile.TemporaryDirectory() as scratch:
            try:
                for number, (artifact, uri) in enumerate(originals):
                    artifact.uri = f"{scratch}/{number}"
                    _original_uris[artifact.uri] = uri
                    epath.Path(artifact.uri).mkdir()
                    # in an object store, a folder without files does not exist
                    if number < len(inputs) and epath.Path(uri).exists():
                        copy_folder(uri, artifact.uri)
                do(executor, input_dict, output_dict, exec_properties)
                for artifact, uri in originals[len(inputs) :]:
                    copy_folder(artifact.uri, uri, last=lambda file: file.name == MANIFEST_FILE)
            finally:
                for artifact, uri in originals:
                    _original_uris.pop(artifact.uri, None)
                    artifact.uri = uri

    return do_with_local_copies


def original_uri(uri: str) -> str:
    """Returns the original URI of an artifact if `uri` is the folder of its local copy, and otherwise `uri`."""
    return _original_uris.get(uri, uri)


def _remote(artifacts: Artifacts) -> Iterator[types.Artifact]:
    """Finds the artifacts in a storage that TensorFlow cannot open."""
    known = tf.io.gfile.get_registered_schemes()
    for same_key in artifacts.values():
        yield from (artifact for artifact in same_key if _scheme(artifact.uri) not in known)


def _scheme(uri: str) -> str:
    scheme, separator, _ = uri.partition("://")
    return scheme if separator else ""
