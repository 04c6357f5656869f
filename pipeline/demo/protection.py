"""Protects the demo from requests of other web pages, and keeps its page from loading anything from the network."""

from __future__ import annotations

from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse

CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Protection:
    """ASGI middleware: checks the origin of each request, and adds security headers to every answer.

    Another web page can make its own host name resolve to 127.0.0.1 (DNS rebinding); the `Host` header then contains
    that name. It can also send requests to this address directly; browsers mark those in `Sec-Fetch-Site`.
    """

    def __init__(self, app: Any, hosts: list[str]):
        self._app, self._hosts = app, hosts

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Handles a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
            await send(message)

        headers = Headers(scope=scope)
        if "*" not in self._hosts and _host_name(headers.get("host", "")) not in self._hosts:
            refusal = JSONResponse({"error": "Use the address that the demo was started with."}, 400)
            await refusal(scope, receive, send_with_headers)
        elif scope["method"] == "POST" and headers.get("sec-fetch-site", "same-origin") != "same-origin":
            refusal = JSONResponse({"error": "The demo does not accept requests from other pages."}, 403)
            await refusal(scope, receive, send_with_headers)
        else:
            await self._app(scope, receive, send_with_headers)


def _host_name(host: str) -> str:
    """Returns the host without its port; an IPv6 address without its brackets."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]
