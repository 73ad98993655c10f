"""Serves over standard input and output."""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from mcp.server.mcpserver import MCPServer

from sendoso_mcp.cli.stopping import Stopper
from sendoso_mcp.errors import SettingsError
from sendoso_mcp.server.services import Services


async def serve_stdio(server: MCPServer[Services], stopper: Stopper) -> None:
    """Serves one client until its end of input, or until it is stopped.

    Raises:
        SettingsError: standard input or output is closed.
    """
    if sys.stdin is None or sys.stdout is None:
        raise SettingsError("The stdio transport needs standard input and output, and one of them is closed.")
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
