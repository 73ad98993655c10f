"""A server on this machine that treats every connection as a test says: faults of a real socket."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
_START = re.compile(rb"^[A-Z]+ \S+ HTTP/1\.1\r$", re.MULTILINE)


@dataclass
class Server:
    """What reached it, and the socket that it listens on."""

    door: socket.socket
    url: str
    connections: int = 0
    heads: list[bytes] = field(default_factory=list)
    unread: list[bytes] = field(default_factory=list)
    """What came over the connections that are over and was read by no handler."""
    _listener: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def requests(self) -> int:
        """How many requests have come, read or not."""
        return len(self.heads) + sum(len(_START.findall(rest)) for rest in self.unread)

    async def request(self, reader: asyncio.StreamReader) -> bytes:
        """Reads a request, head and body, and returns the head."""
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head)
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                await reader.readexactly(int(line.partition(b":")[2]))
        return head

    async def listen(self, handle: Callable[[Server], Handler]) -> None:
        """Takes connections from now on."""

        async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._tasks.add(task)
            self.connections += 1
            try:
                with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                    await handle(self)(reader, writer)
            finally:
                writer.close()
                reader.feed_eof()
                with suppress(ConnectionError, asyncio.CancelledError):
                    self.unread.append(await reader.read())
                    await writer.wait_closed()

        self._listener = await asyncio.start_server(connection, sock=self.door)

    async def stop(self) -> None:
        """Ends every connection, and only then knows what came over it."""
        if self._listener is not None:
            self._listener.close()
        self.door.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def serving(
    handle: Callable[[Server], Handler], *, listening: bool = True, scheme: str = "http"
) -> AsyncIterator[Server]:
    """A server that treats every connection as `handle` says.

    While it is not listening it holds its port, so that nobody else gets it and connections are refused.
    """
    door = socket.socket()
    door.bind(("127.0.0.1", 0))
    server = Server(door, f"{scheme}://127.0.0.1:{door.getsockname()[1]}/api/v2")
    if listening:
        await server.listen(handle)
    try:
        yield server
    finally:
        await server.stop()


def answering(*, head: str = "", body: bytes, length: int | None = None, status: str = "200 OK") -> Handler:
    text = f"HTTP/1.1 {status}\r\nContent-Length: {len(body) if length is None else length}\r\n{head}\r\n"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await say(writer, text.encode() + body)

    return answer


def after_reading(then: Handler) -> Callable[[Server], Handler]:
    def handle(server: Server) -> Handler:
        async def read_first(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await server.request(reader)
            await then(reader, writer)

        return read_first

    return handle


async def say(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(data)
    await writer.drain()


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def drip(writer: asyncio.StreamWriter, start: bytes, drop: bytes, every: float = 0.005) -> None:
    """Says `start`, and then `drop` again and again."""
    await say(writer, start)
    while True:
        await say(writer, drop)
        await asyncio.sleep(every)
