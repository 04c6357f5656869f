"""Connects to a Kubeflow Pipelines server through kfp's own client, with error messages that say what to do."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import kfp_server_api
import urllib3
from kfp.client import Client
from kfp.client.set_volume_credentials import ServiceAccountTokenVolumeCredentials

from pipeline.kubeflow.server.token import Token, is_unencrypted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

HOST_VARIABLE = "KF_PIPELINES_ENDPOINT"
"""Environment variable with the server's address, used without `--host`; kfp reads it too."""
TOKEN_VARIABLE = "KF_PIPELINES_TOKEN"
"""Environment variable with the token, used without `--token-file`."""
TOKEN_FILE_VARIABLE = "KF_PIPELINES_SA_TOKEN_PATH"
"""Environment variable with the path of a Kubernetes service account's token; kfp reads it too."""

CONNECT_SECONDS, ANSWER_SECONDS = 10, 60
"""Timeouts of a request, for the connection and for the answer; kfp's client has no timeout of its own."""


class ServerError(Exception):
    """A request to the server failed.

    Attributes:
        status: the HTTP status; None if there was no answer.
    """

    def __init__(self, message: str, status: int | None = None):
        super().__init__(message)
        self.status = status


class UsageError(ValueError):
    """An invalid address, token file, name or schedule."""


class _WebPageError(Exception):
    """The answer is an HTML page, not an answer of the API."""


class _NotTheAPIError(Exception):
    """The answer is not a JSON object, as all answers of the API are."""


class _Client(Client):
    """kfp's client without retries of its first request: kfp itself repeats it five times, over half a minute."""

    def get_kfp_healthz(self, *_: object, **__: object) -> Any:
        return self._healthz_api.healthz_service_get_healthz(_request_timeout=(CONNECT_SECONDS, ANSWER_SECONDS))


class Server:
    """A Kubeflow Pipelines server.

    Attributes:
        host: its address, `http://…` or `https://…`.
        namespace: the user's Kubernetes namespace on a multi-user server; empty on a single-user server.
        token_is_unencrypted: whether requests send a token that others can read on its way.
    """

    def __init__(self, host: str, client: Client, namespace: str, token: Token):
        self.host, self.namespace = host, namespace
        self.token_is_unencrypted = bool(token) and is_unencrypted(host)
        self._client, self._token = client, token

    @contextlib.contextmanager
    def client(self) -> Iterator[Client]:
        """Yields kfp's client; discards what kfp prints.

        Raises:
            ServerError: a request in the `with` block failed.
        """
        with _server_errors(self.host, self.namespace, self._token), contextlib.redirect_stdout(io.StringIO()):
            yield self._client

    def run_url(self, run_id: str) -> str:
        """Returns the address of a run's web page."""
        return f"{self.host}/#/runs/details/{run_id}"

    def get_text(self, path: str, query: Mapping[str, str] | None = None) -> str:
        """Reads a path for which kfp's client has no method, with the client's token and certificates.

        Raises:
            ServerError: the request failed.
        """
        with self.client() as client:
            response = client._run_api.api_client.call_api(  # noqa: SLF001 (kfp has no public access to it)
                path,
                "GET",
                query_params=list((query or {}).items()),
                auth_settings=["Bearer"],
                _preload_content=False,
                _return_http_data_only=True,
            )
            content: bytes = response.read()
        return self._token.removed_from(content.decode(errors="replace"))


def connect(
    host: str | None, *, token_file: Path | None = None, namespace: str | None = None, ca_file: Path | None = None
) -> Server:
    """Connects to a server.

    A token is never an argument: arguments stay in the shell's history and are visible to all processes. The token is
    in a file, which is read again for each request so that a renewed token is used at once, or in the environment.

    Args:
        host: the server's address; by default the value of `KF_PIPELINES_ENDPOINT`.
        token_file: a file with a bearer token. By default the token is the value of `KF_PIPELINES_TOKEN`, or is read
            from the file whose path is in `KF_PIPELINES_SA_TOKEN_PATH`; without either, requests contain no token.
        namespace: the user's namespace on a multi-user server.
        ca_file: CA certificates to verify an https server with; by default those of the system.

    Raises:
        UsageError: no address, or a token that cannot be read.
        ServerError: the server cannot be reached or refuses the token.
    """
    host = _address(host)
    token = _token(token_file)
    if ca_file is not None and not ca_file.is_file():
        raise UsageError(f"--ca-file {ca_file}: no such file")
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # it warns about each retry
    with _server_errors(host, namespace or "", token), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # kfp warns that it needs KFP 2
        client = _Client(
            host=host,
            namespace=namespace or "kubeflow",  # kfp's default, which means "not given"
            existing_token=token.text,
            credentials=ServiceAccountTokenVolumeCredentials(path=str(token.file)) if token.file else None,
            ssl_ca_cert=str(ca_file) if ca_file else None,
        )
    if namespace:
        client._context_setting["namespace"] = namespace  # noqa: SLF001 (kfp's setter writes to the home folder)
    rest = client._run_api.api_client.rest_client  # noqa: SLF001 (kfp has no public access to it)
    rest.request = _guarded(rest.request, token)
    return Server(host, client, client.get_user_namespace(), token)


def _address(host: str | None) -> str:
    host = (host or os.environ.get(HOST_VARIABLE, "")).rstrip("/")
    if not host:
        raise UsageError(f"no server address: give --host URL or set {HOST_VARIABLE}")
    if not host.startswith(("http://", "https://")):
        raise UsageError(f"--host {host}: the address must start with http:// or https://")
    return host


def _token(token_file: Path | None) -> Token:
    """Returns the token of the file, or else that of the environment."""
    given = token_file is not None
    if not given:
        token = os.environ.get(TOKEN_VARIABLE, "").strip()
        if token:
            return Token(text=_header_text(token, TOKEN_VARIABLE))
        if not os.environ.get(TOKEN_FILE_VARIABLE):
            return Token()
    path = token_file or Path(os.environ[TOKEN_FILE_VARIABLE])
    name = f"--token-file {path}" if given else f"{TOKEN_FILE_VARIABLE}={path}"
    try:
        token = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text"
        raise UsageError(f"{name}: the token cannot be read ({reason})") from error
    if not token:
        raise UsageError(f"{name}: the file is empty; write the token into it")
    _header_text(token, name)
    return Token(file=path)


def _header_text(token: str, name: str) -> str:
    if not token.isascii() or len(token.split()) != 1:
        raise UsageError(f"{name}: invalid token; a token is one word of ASCII characters")
    return token


def _guarded(request: Any, token: Token) -> Any:
    """Wraps a request function: adds a timeout, and removes the token from the answers.

    Refuses web pages, such as a login page in front of the API.
    """

    def guarded_request(*arguments: Any, **options: Any) -> Any:
        options["_request_timeout"] = options.get("_request_timeout") or (CONNECT_SECONDS, ANSWER_SECONDS)
        response = request(*arguments, **options)
        headers = getattr(response, "urllib3_response", response).headers
        if headers.get("Content-Type", "").startswith("text/html"):
            raise _WebPageError
        if isinstance(response, kfp_server_api.rest.RESTResponse):  # others are read by `Server.get_text`
            text = token.removed_from(response.data.decode(errors="replace"))
            if not _is_object(text):
                raise _NotTheAPIError
            response.data = text.encode()
        return response

    return guarded_request


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


@contextlib.contextmanager
def _server_errors(host: str, namespace: str, token: Token) -> Iterator[None]:
    """Turns errors of kfp and urllib3 in the `with` block into ServerError, with a message that says what to do."""
    try:
        yield
    except kfp_server_api.ApiException as error:
        raise ServerError(_refusal(error, host, namespace, token), error.status or None) from error
    except _WebPageError as error:
        raise ServerError(
            f"{host} answered with a web page instead of the API: either a login page, because the token is missing or "
            "of the wrong kind, or the wrong address (behind Kubeflow's dashboard it ends in /pipeline)"
        ) from error
    except _NotTheAPIError as error:
        raise ServerError(f"{host} does not answer as the API does: check the address") from error
    except urllib3.exceptions.HTTPError as error:
        cause = token.removed_from(_cause(getattr(error, "reason", None) or error))
        raise ServerError(
            f"no answer from {host}: {cause}. Check that the server runs and that the address is correct. "
            "To reach a server in a cluster: kubectl port-forward -n kubeflow svc/ml-pipeline-ui 8080:80"
        ) from error
    except OSError as error:  # the token file is read again for each request
        raise ServerError(f"the token file can no longer be read: {error}") from error


def _refusal(error: kfp_server_api.ApiException, host: str, namespace: str, token: Token) -> str:
    reason = token.removed_from(_reason(error))
    if error.status == 401 and token:
        return f"{host} refused the token (401): {reason}. If the token has expired, get a new one"
    if error.status == 401:
        return f"{host} needs a token (401): give --token-file FILE, or set {TOKEN_VARIABLE}"
    if error.status == 403:
        where = f" in namespace {namespace}" if namespace else ""
        hint = "" if namespace else "; on a multi-user server, give --namespace"
        return f"{host} accepted the login, but you lack the permission for this request{where} (403): {reason}{hint}"
    if error.status == 0:
        return f"no secure connection to {host}: {_cause(error.reason)}"
    if error.status and error.status >= 500:
        return f"{host} failed ({error.status}): {reason}"
    return f"{host} refused the request ({error.status}): {reason}"


def _reason(error: kfp_server_api.ApiException) -> str:
    """Returns the error message in the JSON of the server's answer."""
    try:
        body = json.loads(error.body or "")
        message = body.get("message") or body.get("error_message") or body.get("error") or ""
    except (TypeError, ValueError, AttributeError):
        message = ""
    return " ".join(str(message or error.reason or "no reason given").split()).rstrip(".")


def _cause(error: object) -> str:
    """Returns the last part of urllib3's message, which is the operating system's message."""
    text = " ".join(str(error).split())
    return text.rsplit("): ", 1)[-1].rsplit("] ", 1)[-1] if "Errno" in text else text
