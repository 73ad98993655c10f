"""The way to a served sandbox, on which a test sees each write: a server can be killed there, too."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from typing import Protocol

import httpx
from processes import KEY


class Watcher(Protocol):
    """Whoever looks at the requests under one name."""

    @property
    def late(self) -> bool:
        """Whether Sendoso does what it was asked to do as the server died, once `hung_up` is set."""

    @property
    def hung_up(self) -> asyncio.Event:
        """See `late`."""

    def ends(self, name: str) -> bool:
        """Told of each write as it comes and as it was done; whether the server was killed there."""

    def on_its_way(self) -> AbstractContextManager[None]:
        """Around each request."""


class Line:
    """The way to Sendoso. The first part of a path names the watcher that its request is shown to.

    `url` is where it begins, and `client` goes straight to the other end.
    """

    def __init__(self, sandbox: str) -> None:
        self.url = ""
        self.client = httpx.AsyncClient(base_url=sandbox, headers={"X-Api-Key": KEY}, trust_env=False)
        self.watchers: dict[str, Watcher] = {}

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Line]:
        """Takes connections within the block."""
        server = await asyncio.start_server(self._connection, "127.0.0.1", 0)
        async with server, self.client:
            self.url = "http://127.0.0.1:{1}".format(*server.sockets[0].getsockname())
            yield self

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            try:
                head = await reader.readuntil(b"\r\n\r\n")
                start, *lines = head.decode("latin-1").split("\r\n")
                method, target, _ = start.split(" ")
                _, name, path = target.split("/", 2)
                headers = [line for line in lines if not line.lower().startswith(("host:", "connection:"))]
                length = next((line for line in headers if line.lower().startswith("content-length:")), ":0")
                body = await reader.readexactly(int(length.partition(":")[2]))
                request = "\r\n".join(
                    [f"{method} /{path} HTTP/1.1", "Host: x", "Connection: close", *headers]
                )
                watcher = self.watchers[name]
                with watcher.on_its_way():
                    answer = await self._answer(watcher, method, request.encode("latin-1") + body)
                writer.write(answer)
                await writer.drain()
            finally:
                writer.close()
                await writer.wait_closed()

    async def _answer(self, watcher: Watcher, method: str, request: bytes) -> bytes:
        if method != "GET" and watcher.ends(f"Sendoso: before {method}"):
            if not watcher.late:
                return b""
            await watcher.hung_up.wait()
        there = self.client.base_url
        reader, writer = await asyncio.open_connection(there.host, there.port)
        try:
            writer.write(request)
            answer = await reader.read()
        finally:
            writer.close()
            await writer.wait_closed()
        lost = method != "GET" and watcher.ends(f"Sendoso: after {method}")
        return b"" if lost or b'"message":"lost ' in request else answer
