"""Where KFP's launcher puts the artifacts of an object store inside the container.

Before the container's command starts, the launcher copies the input artifacts to a folder named after their storage,
and after it has ended it copies the output artifacts from there (`LocalPathForURI` in kubeflow/pipelines,
`backend/src/v2/component/launcher_v2.go`). The command is told their URIs all the same.
"""

from __future__ import annotations

import os

LOCAL_ROOT_VARIABLE = "ARTIFACT_LOCAL_PATH"
"""The launcher's own variable for another root than `/`, for trying it out."""

MOUNTS = {"gs://": "gcs", "minio://": "minio", "s3://": "s3"}
"""Scheme → the launcher's folder. Other schemes, and local paths, are no concern of its."""


def local_path(uri: str) -> str:
    """The path in the container; what is in no object store stays as it is."""
    for scheme, folder in MOUNTS.items():
        if uri.startswith(scheme):
            return f"{_root()}/{folder}/{uri.removeprefix(scheme)}"
    return uri


def remote_uri(path: str) -> str:
    """The URI of a path that `local_path` gave; any other text stays as it is."""
    for scheme, folder in MOUNTS.items():
        mount = f"{_root()}/{folder}/"
        if path.startswith(mount):
            return scheme + path.removeprefix(mount)
    return path


def _root() -> str:
    return os.environ.get(LOCAL_ROOT_VARIABLE, "").rstrip("/")
