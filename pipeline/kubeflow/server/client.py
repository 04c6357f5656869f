"""A connection to a Kubeflow Pipelines server, through kfp's own client, with errors that say what to do."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import kfp_server_api
import urllib3
from kfp.client import Client
from kfp.client.set_volume_credentials import ServiceAccountTokenVolumeCredentials

HOST_VARIABLE = "KF_PIPELINES_ENDPOINT"
"""The server's address where no `--host` is given; kfp's own variable."""
TOKEN_VARIABLE = "KF_PIPELINES_TOKEN"
"""The token itself, where no `--token-file` is given."""
TOKEN_FILE_VARIABLE = "KF_PIPELINES_SA_TOKEN_PATH"
"""The file of a Kubernetes service account's token; kfp's own variable."""

CONNECT_SECONDS, ANSWER_SECONDS = 10, 60
"""How long a request waits for a connection and for an answer; kfp's client by itself waits for ever."""


class ServerError(Exception):
    """What a server did not do, as a message for people.

    Attributes:
        status: the HTTP status, None where there was no answer.
    """

    def __init__(self, message: str, status: int | None = None):
        super().__init__(message)
        self.status = status


class UsageError(ValueError):
    """An address, token file or name that can't be used."""


class _NoAPIError(Exception):
    """An HTML page came back where the API should have answered."""


class _Client(Client):
    """kfp's client, which asks once whether a server has several users, not five times over half a minute."""

    def get_kfp_healthz(self, sleep_duration: int = 0) -> Any:
        return self._healthz_api.healthz_service_get_healthz(_request_timeout=(CONNECT_SECONDS, ANSWER_SECONDS))


class Server:
    """A Kubeflow Pipelines server.

    Attributes:
        host: its address, `http://…` or `https://…`.
        namespace: the Kubernetes namespace of a server with several users; empty on one without.
        has_token: whether requests carry a token.
    """

    def __init__(self, host: str, client: Client, namespace: str, has_token: bool):
        self.host, self.namespace, self.has_token = host, namespace, has_token
        self._client = client

    @contextlib.contextmanager
    def client(self) -> Iterator[Client]:
        """Gives kfp's client; what goes wrong meanwhile is a ServerError. kfp's own printing is kept off the output."""
        with _errors_for_people(self.host, self.namespace, self.has_token), contextlib.redirect_stdout(io.StringIO()):
            yield self._client

    def run_url(self, run_id: str) -> str:
        """The web page of a run."""
        return f"{self.host}/#/runs/details/{run_id}"

    def get_text(self, path: str, query: Mapping[str, str] | None = None) -> str:
        """Reads a path that kfp's client has no method for, with the client's token and certificates.

        Raises:
            ServerError: the server did not give it.
        """
        with self.client() as client:
            response = client._run_api.api_client.call_api(
                path,
                "GET",
                query_params=list((query or {}).items()),
                auth_settings=["Bearer"],
                _preload_content=False,
                _return_http_data_only=True,
            )
            return response.read().decode(errors="replace")


def connect(
    host: str | None, *, token_file: Path | None = None, namespace: str | None = None, ca_file: Path | None = None
) -> Server:
    """Connects to a server.

    A token never comes from an argument, which would stay in the shell's history and be shown to every process: it is
    in a file, read again for each request, so that a renewed token is used at once, or in the environment.

    Args:
        host: the server's address; from `KF_PIPELINES_ENDPOINT` by default.
        token_file: a file with a bearer token; by default the variable `KF_PIPELINES_TOKEN` holds the token or
            `KF_PIPELINES_SA_TOKEN_PATH` the path of its file, and without either none is sent.
        namespace: for servers with several users.
        ca_file: certificates that an https server's own is checked with; the system's by default.

    Raises:
        UsageError: no address, or a token that can't be read.
        ServerError: the server can't be reached or refuses the token.
    """
    host = _address(host)
    credentials, token = _token(token_file)
    if ca_file is not None and not ca_file.is_file():
        raise UsageError(f"--ca-file {ca_file}: no such file")
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # it tells of each try
    has_token = bool(credentials or token)
    with _errors_for_people(host, namespace or "", has_token), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # kfp says of itself that it needs KFP 2
        client = _Client(
            host=host,
            namespace=namespace or "kubeflow",  # kfp's word for "not given"
            existing_token=token,
            credentials=credentials,
            ssl_ca_cert=str(ca_file) if ca_file else None,
        )
    if namespace:
        client._context_setting["namespace"] = namespace
    rest = client._run_api.api_client.rest_client
    rest.request = _impatient(rest.request)
    return Server(host, client, client.get_user_namespace(), has_token)


def _address(host: str | None) -> str:
    host = (host or os.environ.get(HOST_VARIABLE, "")).rstrip("/")
    if not host:
        raise UsageError(f"which server? Give --host URL or set {HOST_VARIABLE}")
    if not host.startswith(("http://", "https://")):
        raise UsageError(f"--host {host}: write http:// or https:// before it")
    return host


def _token(token_file: Path | None) -> tuple[ServiceAccountTokenVolumeCredentials | None, str | None]:
    """A token's file as kfp's client reads it, or the token of the environment."""
    given = token_file is not None
    if not given:
        token = os.environ.get(TOKEN_VARIABLE, "").strip()
        if token:
            return None, _header_text(token, TOKEN_VARIABLE)
        if not os.environ.get(TOKEN_FILE_VARIABLE):
            return None, None
    path = token_file or Path(os.environ[TOKEN_FILE_VARIABLE])
    name = f"--token-file {path}" if given else f"{TOKEN_FILE_VARIABLE}={path}"
    try:
        token = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text"
        raise UsageError(f"{name}: the token can't be read ({reason})") from error
    if not token:
        raise UsageError(f"{name}: the file is empty; write the token into it")
    _header_text(token, name)
    return ServiceAccountTokenVolumeCredentials(path=str(path)), None


def _header_text(token: str, name: str) -> str:
    if not token.isascii() or len(token.split()) != 1:
        raise UsageError(f"{name}: a token is one word of ASCII letters, digits and signs; is this another file?")
    return token


def _impatient(request: Any) -> Any:
    """Has requests end in time, and refuses web pages, which a login in front of the API answers with."""

    def ask(*arguments: Any, **options: Any) -> Any:
        options["_request_timeout"] = options.get("_request_timeout") or (CONNECT_SECONDS, ANSWER_SECONDS)
        response = request(*arguments, **options)
        headers = getattr(response, "urllib3_response", response).headers
        if headers.get("Content-Type", "").startswith("text/html"):
            raise _NoAPIError
        return response

    return ask


@contextlib.contextmanager
def _errors_for_people(host: str, namespace: str, has_token: bool) -> Iterator[None]:
    try:
        yield
    except kfp_server_api.ApiException as error:
        raise ServerError(_refusal(error, host, namespace, has_token), error.status or None) from error
    except _NoAPIError as error:
        raise ServerError(
            f"{host} answers with a web page, not with the API: a login page, where the token is missing or not what "
            "it takes, or the wrong address (behind Kubeflow's dashboard it ends in /pipeline)"
        ) from error
    except urllib3.exceptions.HTTPError as error:
        cause = getattr(error, "reason", None) or error
        raise ServerError(
            f"no answer from {host}: {_cause(cause)}. Is the server up and the address right? "
            "For one inside a cluster: kubectl port-forward -n kubeflow svc/ml-pipeline-ui 8080:80"
        ) from error
    except OSError as error:  # the token's file is read again for each request
        raise ServerError(f"the token's file can't be read any more: {error}") from error


def _refusal(error: kfp_server_api.ApiException, host: str, namespace: str, has_token: bool) -> str:
    said = _message(error)
    if error.status == 401 and has_token:
        return f"{host} did not accept the token (401): {said}. It may have expired: get a new one"
    if error.status == 401:
        return f"{host} asks for a token (401): give --token-file FILE, or set {TOKEN_VARIABLE}"
    if error.status == 403:
        where = f" in namespace {namespace}" if namespace else ""
        hint = "" if namespace else "; where several people share the server, give --namespace"
        return f"{host} knows who you are, but does not let you do this{where} (403): {said}{hint}"
    if error.status == 0:
        return f"no safe connection to {host}: {_cause(error.reason)}"
    if error.status and error.status >= 500:
        return f"{host} failed ({error.status}): {said}"
    return f"{host} refused ({error.status}): {said}"


def _message(error: kfp_server_api.ApiException) -> str:
    """The server's own words, from the JSON that KFP answers with."""
    try:
        body = json.loads(error.body or "")
        said = body.get("message") or body.get("error_message") or body.get("error") or ""
    except (TypeError, ValueError, AttributeError):
        said = ""
    return " ".join(str(said or error.reason or "no reason given").split()).rstrip(".")


def _cause(error: object) -> str:
    """The last part of urllib3's text, which is what the system said."""
    text = " ".join(str(error).split())
    return text.rsplit("): ", 1)[-1].rsplit("] ", 1)[-1] if "Errno" in text else text
