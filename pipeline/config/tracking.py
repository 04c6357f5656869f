"""The section `tracking` of a run's configuration: where finished runs are logged."""

from __future__ import annotations

import importlib.util
import urllib.parse
from pathlib import Path
from typing import Annotated

import pydantic

from components.strict_config import StrictConfig
from tfds_voc_seg.printable import without_logins
from tfds_voc_seg.storage import local_path

_SQLITE = "sqlite:///"
_ALLOWED = f"allowed are http://HOST:PORT, https://HOST and {_SQLITE}FILE"


def _mlflow_uri(uri: str) -> str:
    """Checks the URI of an MLflow server or database. The messages do not repeat it: it may contain a password."""
    if uri.startswith(_SQLITE) and len(uri) > len(_SQLITE):
        return f"{_SQLITE}{local_path(uri.removeprefix(_SQLITE)).resolve()}"
    try:
        parts = urllib.parse.urlsplit(uri)
        host, _ = parts.hostname, parts.port  # the port is checked when it is read
    except ValueError:
        raise ValueError(f"the URI is invalid; {_ALLOWED}") from None
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError(f"the URI is not one that can be logged to; {_ALLOWED}")
    if parts.query or parts.fragment:
        raise ValueError("the URI has a query or a fragment (? or #), which MLflow does not support; remove it")
    if (parts.username is None) != (parts.password is None) or parts.username == "" or parts.password == "":
        raise ValueError("a login in the URI is user:password@; a token belongs in the variable MLFLOW_TRACKING_TOKEN")
    return uri.rstrip("/")


class TrackingConfig(StrictConfig):
    """Where `vocseg run` logs a finished run. Nothing here changes the run or what comes from the cache.

    Attributes:
        mlflow: the URI of an MLflow server, `http://HOST:PORT` or `https://HOST`, or of a database,
            `sqlite:///FILE`. By default nothing is logged. A login in the URI (`https://user:password@HOST`) is never
            printed, logged or stored.
        experiment: the experiment of MLflow; by default the run's `name`.
        timeout_seconds: how long the logging may take, uploads included. After that it is stopped, which does not fail
            the run.
    """

    mlflow: Annotated[str, pydantic.AfterValidator(_mlflow_uri)] | None = pydantic.Field(default=None, repr=False)
    experiment: Annotated[str, pydantic.StringConstraints(max_length=500)] = ""
    timeout_seconds: float = pydantic.Field(default=300, gt=0, le=86_400)

    @pydantic.field_serializer("mlflow")
    def _without_login(self, uri: str | None) -> str | None:
        """Leaves the login out of everything that stores the configuration, such as the report."""
        return without_logins(uri) if uri else uri

    @property
    def shown_uri(self) -> str:
        """The URI without its login; empty if nothing is logged."""
        return without_logins(self.mlflow or "")

    @property
    def login(self) -> tuple[str, str] | None:
        """User and password in the URI; `None` if it has none."""
        parts = urllib.parse.urlsplit(self.mlflow or "")
        if parts.username is None or parts.password is None:
            return None
        return urllib.parse.unquote(parts.username), urllib.parse.unquote(parts.password)

    @property
    def artifact_folder(self) -> str | None:
        """Where the files of a new experiment in a database go: beside the database. A server decides for itself."""
        if not (self.mlflow or "").startswith(_SQLITE):
            return None
        return Path(self.shown_uri.removeprefix(_SQLITE)).with_name("mlruns").as_uri()

    @property
    def missing_package(self) -> str | None:
        """What to install before anything can be logged, for `pip install`; `None` if nothing is missing."""
        if self.mlflow is None:
            return None
        if self.mlflow.startswith(_SQLITE):  # the client of a server brings no database
            return None if all(map(importlib.util.find_spec, ("mlflow", "sqlalchemy", "alembic"))) else "mlflow"
        return None if importlib.util.find_spec("mlflow") else "'voc-seg[tracking]'"
