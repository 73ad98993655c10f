"""The way to a served sandbox, on which requests wait until a test lets them through."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import anyio


@dataclass
class Held:
    """A request that waits: `go` lets it through, `gone` says that its sender hung up."""

    request: str
    go: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class Gate:
    """Where the way begins, and what came along it.

    Attributes:
        url: the address for servers under test.
        holds: which requests wait, as `GET /sends?page=1`.
        came: every request, in order.
    """

    url: str
    holds: Callable[[str], bool] = lambda request: False
    came: list[str] = field(default_factory=list)
    _held: asyncio.Queue[Held] = field(default_factory=asyncio.Queue)

    async def next(self) -> Held:
        """The next request that waits."""
        with anyio.fail_after(20):
            return await self._held.get()

    async def hold(self, request: str, reader: asyncio.StreamReader) -> bool:
        """Holds a request back; whether it may go on."""
        self.came.append(request)
        if not self.holds(request):
            return True
        held = Held(request)
        self._held.put_nowait(held)
        end = asyncio.create_task(reader.read())
        go = asyncio.create_task(held.go.wait())
        try:
            await asyncio.wait({end, go}, return_when=asyncio.FIRST_COMPLETED)
            if end.done():
                held.gone.set()
            return not end.done()
        finally:
            for task in (end, go):
                task.cancel()
            await asyncio.gather(end, go, return_exceptions=True)


@asynccontextmanager
async def gate_before(sandbox: str) -> AsyncIterator[Gate]:
    """A gate before the sandbox at this address."""
    there, tasks = urlsplit(sandbox), set[asyncio.Task[None]]()

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            start, *lines = head.split("\r\n")
            length = next((line for line in lines if line.lower().startswith("content-length:")), ":0")
            body = await reader.readexactly(int(length.partition(":")[2]))
            if await gate.hold(start.removesuffix(" HTTP/1.1"), reader):
                lines = [line for line in lines if not line.lower().startswith(("host:", "connection:"))]
                request = "\r\n".join([start, "Host: localhost", "Connection: close", *lines])
                writer.write(await _answer(there.hostname, there.port, request.encode("latin-1") + body))
                await writer.drain()
        writer.close()
        with suppress(ConnectionError, asyncio.CancelledError):
            await writer.wait_closed()

    server = await asyncio.start_server(connection, "127.0.0.1", 0)
    gate = Gate("http://127.0.0.1:{1}".format(*server.sockets[0].getsockname()))
    try:
        yield gate
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _answer(host: str | None, port: int | None, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(request)
        return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()
