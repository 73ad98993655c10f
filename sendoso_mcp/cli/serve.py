"""Runs the MCP server on a transport, and the sandbox over HTTP, until it is told to stop."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Literal

import anyio
from mcp.server.mcpserver import MCPServer
from mcp.server.transport_security import TransportSecuritySettings

from sendoso_mcp.api import ASGIApp
from sendoso_mcp.errors import SettingsError, one_error
from sendoso_mcp.server.app import build_server
from sendoso_mcp.server.services import Services, open_services
from sendoso_mcp.settings import Settings

log = logging.getLogger(__name__)

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_CLOSE_GRACE = 3
"""Seconds that open HTTP connections get to end by themselves when the server stops."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says about serving; `tools` None offers all."""

    transport: Literal["stdio", "sse", "streamable-http"] = "stdio"
    host: str = "127.0.0.1"
    port: int = 8000
    allowed_hosts: tuple[str, ...] = ()
    read_only: bool = False
    tools: tuple[str, ...] | None = None


def serve(settings: Settings, options: Options) -> int:
    """Serves until end of input (stdio) or a signal; an order on its way is finished first.

    Raises:
        SettingsError: an option cannot be used, or the port is taken.
    """
    sandbox = _embedded_sandbox() if settings.sandbox else None

    async def run() -> None:
        async with _stop_on_signal() as stopper, open_services(settings, sandbox=sandbox) as services:
            server = build_server(services, read_only=options.read_only, only=options.tools)
            if options.transport == "stdio":
                await _serve_stdio(server, stopper)
            else:
                app = _http_app(server, options)
                await _serve_http(app, options.host, options.port, stopper)

    if settings.sandbox:
        log.warning("no SENDOSO_API_KEY: using the embedded sandbox; nothing is really sent or charged")
    with one_error():
        anyio.run(run)
    return 0


def serve_sandbox(host: str, port: int, *, items: int, seed: int) -> int:
    """Serves the embedded Sendoso until a signal.

    Raises:
        SettingsError: the port is taken.
    """
    from sendoso_mcp.sandbox import create_sandbox  # noqa: PLC0415 - not needed by a server with a key

    app: ASGIApp = create_sandbox(items=items, seed=seed).app

    async def run() -> None:
        async with _stop_on_signal() as stopper:
            await _serve_http(app, host, port, stopper)

    with one_error():
        anyio.run(run)
    return 0


def _embedded_sandbox() -> ASGIApp:
    from sendoso_mcp.sandbox import create_sandbox  # noqa: PLC0415 - not needed by a server with a key

    app: ASGIApp = create_sandbox().app
    return app


class _Stopper:
    """Holds what a signal should do at the moment."""

    def __init__(self) -> None:
        self.requested = False
        self._action: Callable[[], None] | None = None

    def on_stop(self, action: Callable[[], None]) -> None:
        """Sets what stopping means; runs it at once if stopping was already asked for."""
        self._action = action
        if self.requested:
            action()

    def stop(self) -> None:
        """Asks to stop."""
        self.requested = True
        if self._action is not None:
            self._action()


@asynccontextmanager
async def _stop_on_signal() -> AsyncIterator[_Stopper]:
    """Turns Ctrl-C and SIGTERM into a clean stop, for as long as anything is left to finish."""
    stopper = _Stopper()
    if sys.platform == "win32":  # no signal handlers on its event loop; Ctrl-C raises KeyboardInterrupt
        yield stopper
        return

    async def watch() -> None:
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            ready.set()
            async for _ in signals:
                log.info("stopping")
                stopper.stop()

    ready = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch)
        await ready.wait()
        yield stopper
        tasks.cancel_scope.cancel()


async def _serve_stdio(server: MCPServer[Services], stopper: _Stopper) -> None:
    if sys.platform == "win32":
        await server.run_stdio_async()
        return
    with _interruptible_stdin() as end_input:
        stopper.on_stop(end_input)
        await server.run_stdio_async()


@contextmanager
def _interruptible_stdin() -> Iterator[Callable[[], None]]:
    """Puts a socket in front of standard input; yields a function that ends the input.

    The SDK reads input in a thread that nothing can interrupt, so a signal would wait for the client's
    next line. Here a thread that may be abandoned reads the real input and passes it on; when the input
    is ended, the SDK sees what it sees when a client goes away.
    """
    source = os.dup(0)
    reader, writer = socket.socketpair()
    with reader:
        os.dup2(reader.fileno(), 0)

    def pump() -> None:
        with writer, suppress(OSError):
            while chunk := os.read(source, 65_536):
                writer.sendall(chunk)

    def end() -> None:
        with suppress(OSError):  # it has ended already
            writer.shutdown(socket.SHUT_RDWR)

    threading.Thread(target=pump, name="stdin", daemon=True).start()
    try:
        yield end
    finally:
        end()
        os.dup2(source, 0)


def _http_app(server: MCPServer[Services], options: Options) -> ASGIApp:
    security = _transport_security(options)
    app: ASGIApp
    if options.transport == "sse":
        app = server.sse_app(host=options.host, transport_security=security)
    else:
        app = server.streamable_http_app(host=options.host, transport_security=security)
    return app


def _transport_security(options: Options) -> TransportSecuritySettings:
    """Which Host and Origin headers are served: what a web page could not have made a browser send."""
    names = {"127.0.0.1", "localhost", "[::1]", *options.allowed_hosts}
    if options.host not in _LOOPBACK:
        names |= {f"[{options.host}]" if ":" in options.host else options.host, socket.gethostname()}
        log.warning(
            "listening on %s: everyone who can reach this port can use this server and its key", options.host
        )
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


async def _serve_http(app: ASGIApp, host: str, port: int, stopper: _Stopper) -> None:
    import uvicorn  # noqa: PLC0415 - not needed over stdio

    try:
        listener = socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=128
        )
    except OSError as error:
        raise SettingsError(
            f"Cannot listen on {host}, port {port}: {error.strerror}. Choose another --port."
        ) from error
    with listener:
        config = uvicorn.Config(
            app, log_config=None, timeout_graceful_shutdown=_CLOSE_GRACE, lifespan="auto", ws="none"
        )
        uvicorn_server = uvicorn.Server(config)

        def stop() -> None:
            uvicorn_server.should_exit = True

        stopper.on_stop(stop)
        shown = f"[{host}]" if ":" in host else host
        log.info("listening on http://%s:%d", shown, listener.getsockname()[1])
        await uvicorn_server.serve(sockets=[listener])
