"""Runs a web app by uvicorn: how this house sets it up, for the transports and for the approval page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import uvicorn

_CLOSE_GRACE = 3
"""Seconds that open connections get to end by themselves when the server stops."""


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
