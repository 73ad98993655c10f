"""Runs the MCP server on a transport, and the sandbox over HTTP, until it is told to stop."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import anyio
from mcp.server.mcpserver import MCPServer

from sendoso_mcp.api import ASGIApp
from sendoso_mcp.cli.collecting import started
from sendoso_mcp.cli.health import health
from sendoso_mcp.cli.http import listen, one_answer, serve_http, transport_security, url_of
from sendoso_mcp.cli.stdio import serve_stdio
from sendoso_mcp.cli.stopping import Stopper, stop_on_signal
from sendoso_mcp.cli.user import user_name
from sendoso_mcp.errors import one_error
from sendoso_mcp.page import beside, create_page
from sendoso_mcp.page.listener import page_when_needed
from sendoso_mcp.server.app import build_server
from sendoso_mcp.server.services import Services, open_services
from sendoso_mcp.settings import Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says about serving; `tools` None offers all."""

    transport: Literal["stdio", "sse", "streamable-http"] = "stdio"
    host: str = "127.0.0.1"
    port: int = 8000
    allowed_hosts: tuple[str, ...] = ()
    public_url: str = ""
    read_only: bool = False
    tools: tuple[str, ...] | None = None


def serve(settings: Settings, options: Options) -> int:
    """Serves until end of input (stdio) or a signal; an order on its way is finished first.

    Raises:
        SettingsError: an option cannot be used, or the port is taken.
    """
    sandbox = _embedded_sandbox() if settings.sandbox else None
    principal = _local_user() if options.transport == "stdio" else "http"

    async def run() -> None:
        async with (
            stop_on_signal() as stopper,
            open_services(settings, sandbox=sandbox, principal=principal) as services,
        ):
            if options.transport == "stdio":
                async with page_when_needed(services.outside.desk, sandbox=settings.sandbox) as page:
                    await serve_stdio(_server(services, options, page), stopper)
            else:
                await _serve_http(services, options, stopper)

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
        async with stop_on_signal() as stopper:
            with listen(host, port) as listener:
                await serve_http(app, listener, host, stopper)

    with one_error():
        anyio.run(run)
    return 0


def _local_user() -> str:
    """Who starts this process, and so asks for gifts over stdio."""
    name = user_name()
    return f"local:{name}" if name else "local"


def _embedded_sandbox() -> ASGIApp:
    """The sandbox, made when it is first asked for something: a start need not wait for its world."""
    made: list[ASGIApp] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if not made:
            from sendoso_mcp.sandbox import create_sandbox  # noqa: PLC0415 - not needed by a server with a key

            made.append(create_sandbox().app)
        await made[0](scope, receive, send)

    return app


def _server(
    services: Services, options: Options, page: Callable[[], Awaitable[str | None]]
) -> MCPServer[Services]:
    services = replace(services, outside=services.outside.with_page(page))
    server = build_server(services, read_only=options.read_only, only=options.tools)
    started()
    return server


async def _serve_http(services: Services, options: Options, stopper: Stopper) -> None:
    """Serves the tools, and the approval page beside them under the same names."""
    security = transport_security(options.host, options.allowed_hosts)
    with listen(options.host, options.port) as listener:
        address = f"{options.public_url.rstrip('/') or url_of(listener, options.host)}/approvals"

        async def page_address() -> str:
            return address

        server = _server(services, options, page_address)
        app: ASGIApp
        if options.transport == "sse":
            app = one_answer(server.sse_app(host=options.host, transport_security=security))
        else:
            app = server.streamable_http_app(host=options.host, transport_security=security)
        page = create_page(
            services.outside.desk, allowed_hosts=security.allowed_hosts, sandbox=services.sandbox
        )
        async with health(
            services.guard.ledger_works,
            services.sendoso,
            sandbox=services.sandbox,
            allowed_hosts=security.allowed_hosts,
        ) as beside_health:
            await serve_http(beside_health(beside(app, page)), listener, options.host, stopper)
