"""Artifacts of a storage that TensorFlow can't open, on this machine's disk for as long as an executor works."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf
from etils import epath
from tfx import types

from tfds_voc_seg.storage import copy_folder

Artifacts = dict[str, list[types.Artifact]]
Do = Callable[[Any, Artifacts, Artifacts, dict[str, Any]], None]
"""An executor's method: inputs, outputs, execution parameters."""

_places: dict[str, str] = {}
"""Of the copies that there are now: folder → the artifact's own URI."""


def on_disk(do: Do) -> Do:
    """Decorates the `Do` of an executor whose libraries read or write artifacts by TensorFlow.

    Inputs in an object store that only epath opens, such as `s3://`, are copied to a scratch folder, and what is
    written goes there first; the outputs are copied to their places once all is done, so never in part after an error.
    Artifacts on a disk, or at `gs://`, stay where they are. While `Do` works an artifact's `uri` is the copy's, and
    `place_of` gives its own.
    """

    @functools.wraps(do)
    def do_on_disk(
        executor: Any, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]
    ) -> None:
        inputs, outputs = [*_remote(input_dict)], [*_remote(output_dict)]
        places = [(artifact, artifact.uri) for artifact in (*inputs, *outputs)]
        with tempfile.TemporaryDirectory() as scratch:
            try:
                for number, (artifact, place) in enumerate(places):
                    artifact.uri = f"{scratch}/{number}"
                    _places[artifact.uri] = place
                    epath.Path(artifact.uri).mkdir()
                    if number < len(inputs) and epath.Path(place).exists():  # a folder without a file is none there
                        copy_folder(place, artifact.uri)
                do(executor, input_dict, output_dict, exec_properties)
                for artifact, place in places[len(inputs) :]:
                    copy_folder(artifact.uri, place)
            finally:
                for artifact, place in places:
                    _places.pop(artifact.uri, None)
                    artifact.uri = place

    return do_on_disk


def place_of(uri: str) -> str:
    """An artifact's own URI, where `uri` is that of its copy on the disk; else `uri`."""
    return _places.get(uri, uri)


def _remote(artifacts: Artifacts) -> Iterator[types.Artifact]:
    known = tf.io.gfile.get_registered_schemes()
    for same_key in artifacts.values():
        yield from (artifact for artifact in same_key if _scheme(artifact.uri) not in known)


def _scheme(place: str) -> str:
    scheme, separator, _ = place.partition("://")
    return scheme if separator else ""
