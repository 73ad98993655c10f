"""The sandbox as a Sendoso that is some way off: `python -m benchmarks.sendoso MILLISECONDS`."""

from __future__ import annotations

import socket
import sys
from typing import Any

import anyio

from sendoso_mcp.sandbox import create_sandbox
from sendoso_mcp.web import web_server


def main() -> None:
    """Serves on loopback until it is killed."""
    seconds, inner = int(sys.argv[1]) / 1000, create_sandbox().app

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await anyio.sleep(seconds)
        await inner(scope, receive, send)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(f"listening on http://127.0.0.1:{listener.getsockname()[1]}", file=sys.stderr, flush=True)
        anyio.run(lambda: web_server(app).serve(sockets=[listener]))


if __name__ == "__main__":
    main()
