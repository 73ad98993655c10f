"""The page on loopback, for a process that is no web server: one that serves over stdio."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime

import anyio
from anyio.abc import TaskStatus

from sendoso_mcp.page.app import create_page, utc_now
from sendoso_mcp.spending.desk import Desk
from sendoso_mcp.web import bound, web_server

log = logging.getLogger(__name__)


@asynccontextmanager
async def loopback_page(
    desk: Desk, *, sandbox: bool, now: Callable[[], datetime] = utc_now
) -> AsyncIterator[str]:
    """Serves the page on 127.0.0.1, on a port that the system chooses, and yields the address of its list.

    A question is at `{address}/{id}`. Signals, stdout and the log's settings are left alone; on the way out
    open connections get a few seconds to end.

    Raises:
        OSError: it cannot listen there.
    """
    with bound("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
        page = create_page(desk, allowed_hosts=hosts, sandbox=sandbox, now=now)
        server = web_server(page, guest=True)

        async def serve() -> None:
            # It ends by `should_exit`. Cancelled in the middle, it would drop an answer that a person gives.
            with anyio.CancelScope(shield=True):
                await server.serve(sockets=[listener])

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(serve)
            log.info("approval page on http://127.0.0.1:%d/approvals", port)
            try:
                # It need not be running yet: the system takes connections in from here on.
                yield f"http://127.0.0.1:{port}/approvals"
            finally:
                server.should_exit = True


@asynccontextmanager
async def page_when_needed(
    desk: Desk, *, sandbox: bool, now: Callable[[], datetime] = utc_now
) -> AsyncIterator[Callable[[], Awaitable[str | None]]]:
    """As `loopback_page`, but nothing is started until the address is first asked for.

    Yields a function that gives the address; None where this machine does not let it listen.
    """
    start, ending, address = anyio.Lock(), anyio.Event(), ""

    async def run(*, task_status: TaskStatus[str]) -> None:
        async with loopback_page(desk, sandbox=sandbox, now=now) as url:
            task_status.started(url)
            await ending.wait()

    async with anyio.create_task_group() as tasks:

        async def address_of_page() -> str | None:
            nonlocal address
            async with start:
                if not address:
                    try:
                        address = await tasks.start(run)
                    except OSError as error:
                        log.warning("the approval page cannot be served: %s", error.strerror)
            return address or None

        try:
            yield address_of_page
        finally:
            ending.set()
