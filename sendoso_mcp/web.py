"""Runs a web app by uvicorn: how this house sets it up, for the transports and for the approval page."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import uvicorn

_CLOSE_GRACE = 3
"""Seconds that open connections get to end by themselves when the server stops."""


def bound(host: str, port: int) -> socket.socket:
    """A socket that takes connections; port 0 lets the system choose.

    asyncio sends at once what is written only on sockets that name TCP as their protocol, and those that
    the standard library makes name none: an answer of two parts then waits 40 ms for the other side's
    delayed acknowledgement. What is accepted here has the option from its listener.

    Raises:
        OSError: it cannot listen there.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=128)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def web_server(app: Any, *, guest: bool = False) -> uvicorn.Server:
    """A server that logs as the process does; `serve(sockets=[...])` runs it, `should_exit` stops it.

    Args:
        app: an ASGI app.
        guest: the process has other work than this server: signals are not the server's, the app has no
            lifespan, and no header of a proxy is believed, since none stands before it.
    """
    import uvicorn  # noqa: PLC0415 - not needed over stdio until a person needs a page

    class Guest(uvicorn.Server):
        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            """Leaves signals to the process."""
            yield

    config = uvicorn.Config(
        app,
        log_config=None,
        timeout_graceful_shutdown=_CLOSE_GRACE,
        lifespan="off" if guest else "auto",
        # Whoever is on this machine could write them, and the audit trail says where an answer came from.
        proxy_headers=False,
        ws="none",
    )
    return Guest(config) if guest else uvicorn.Server(config)
