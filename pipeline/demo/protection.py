"""Protects the demo from requests of other web pages, and keeps its page from loading anything from the network."""

from __future__ import annotations

import ipaddress
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
    """ASGI middleware: checks the host and the origin of each request, and adds security headers to every answer.

    Another web page can make its own host name resolve to the address of the demo (DNS rebinding); the `Host` header
    then contains that name. Allowed are the address that the client has connected to, `localhost` if that address
    belongs to this machine alone, and the names in `allowed_hosts`. Another page can also send requests to the demo
    directly; browsers mark those in `Origin` and `Sec-Fetch-Site`. Programs that are not browsers send neither.
    """

    def __init__(self, app: Any, allowed_hosts: frozenset[str]):
        self._app, self._allowed_hosts = app, allowed_hosts

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
        host = headers.get("host", "")
        if not self._is_allowed(host_name(host), scope["server"]):
            message = "Use the address that the demo was started with, or allow this one with --allow-host."
            await JSONResponse({"error": message}, 400)(scope, receive, send_with_headers)
        elif _is_of_another_page(headers, host, scope["method"]):
            message = "The demo does not accept requests from other pages."
            await JSONResponse({"error": message}, 403)(scope, receive, send_with_headers)
        else:
            await self._app(scope, receive, send_with_headers)

    def _is_allowed(self, name: str, server: tuple[str, int] | None) -> bool:
        local = _address(server[0]) if server else None
        loopback = local is not None and local.is_loopback
        return (
            name in self._allowed_hosts
            or (loopback and name == "localhost")
            or (local is not None and _address(name) == local)
        )


def _is_of_another_page(headers: Headers, host: str, method: str) -> bool:
    """Returns whether a browser marks a request as one of another page; `null` is the origin of a sandboxed page."""
    own = (f"http://{host}".lower(), f"https://{host}".lower())
    if any(origin.lower() not in own for origin in headers.getlist("origin")):
        return True
    return method == "POST" and headers.get("sec-fetch-site", "same-origin") != "same-origin"


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Returns an IP address, an IPv4 one also for its form in IPv6; `None` for a name."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def host_name(host: str) -> str:
    """Returns the host of a `Host` header in lower case, without its port; an IPv6 address without its brackets.

    An IPv6 address that has no brackets, as in `--host ::1`, has no port either.
    """
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    if host.count(":") > 1:
        return host.lower()
    return host.partition(":")[0].lower().rstrip(".")
