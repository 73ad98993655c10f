"""Serves over HTTP: which requests, and how it ends."""

from __future__ import annotations

import logging
import socket
from ipaddress import IPv6Address
from typing import Any

from mcp.server.transport_security import TransportSecuritySettings

from sendoso_mcp.api import LOOPBACK, ASGIApp
from sendoso_mcp.cli.stopping import Stopper
from sendoso_mcp.errors import SettingsError
from sendoso_mcp.web import bound, web_server

log = logging.getLogger(__name__)


def transport_security(host: str, allowed_hosts: tuple[str, ...]) -> TransportSecuritySettings:
    """Which Host and Origin headers are served: what a web page could not have made a browser send."""
    names = {"127.0.0.1", "localhost", "[::1]", *map(_as_sent, allowed_hosts)}
    if host not in LOOPBACK:
        names |= {_as_sent(host), socket.gethostname()}
        log.warning("listening on %s: everyone who can reach this port can use this server and its key", host)
    return TransportSecuritySettings(
        enable_dns_rebinding_protection=True,
        allowed_hosts=[form for name in sorted(names) for form in (name, f"{name}:*")],
        allowed_origins=[
            f"{scheme}://{form}"
            for name in sorted(names)
            for scheme in ("http", "https")
            for form in (name, f"{name}:*")
        ],
    )


def _as_sent(host: str) -> str:
    """A host as browsers send it: an IPv6 address in its short form (RFC 5952), in brackets."""
    try:
        return f"[{IPv6Address(host.strip('[]')).compressed}]"
    except ValueError:
        return host


def one_answer(app: ASGIApp) -> ASGIApp:
    """Lets an app answer a request once.

    The SDK's SSE endpoint answers a second time when its stream has ended, and raises after it has refused
    a request; the web server takes either for a defect and logs a traceback.
    """

    async def answering(scope: Any, receive: Any, send: Any) -> None:
        starts = 0

        async def send_first(message: Any) -> None:
            nonlocal starts
            starts += message["type"] == "http.response.start"
            if starts <= 1:
                await send(message)

        try:
            await app(scope, receive, send_first)
        except ValueError:
            if not starts:
                raise

    return answering


def listen(host: str, port: int) -> socket.socket:
    """A socket that takes connections; port 0 lets the system choose.

    Raises:
        SettingsError: it cannot listen there.
    """
    try:
        return bound(host, port)
    except OSError as error:
        raise SettingsError(
            f"Cannot listen on {host}, port {port}: {error.strerror}. Choose another --host or --port."
        ) from error


def url_of(listener: socket.socket, host: str) -> str:
    """The address of what listens there, for whoever is on this machine or knows it by this name."""
    if host in ("0.0.0.0", "::"):  # noqa: S104 - nobody can go to "everywhere"
        host = socket.gethostname()
    return f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"


async def serve_http(app: ASGIApp, listener: socket.socket, host: str, stopper: Stopper) -> None:
    """Serves until it is stopped."""
    uvicorn_server = web_server(app)

    def stop() -> None:
        uvicorn_server.should_exit = True
        # It logs every request that is cut off now as an error, with a traceback.
        logging.getLogger("uvicorn").setLevel(logging.CRITICAL)

    stopper.on_stop(stop)
    shown = f"[{host}]" if ":" in host else host
    log.info("listening on http://%s:%d", shown, listener.getsockname()[1])
    await uvicorn_server.serve(sockets=[listener])
