"""The sandbox as a Sendoso that is some way off: `python -m benchmarks.sendoso MILLISECONDS GIFTS`.

`GET /requests` answers how many requests there were before it.
"""

from __future__ import annotations

import socket
import sys
from typing import Any

import anyio
from starlette.responses import PlainTextResponse

from sendoso_mcp.sandbox import create_sandbox
from sendoso_mcp.web import web_server


def main() -> None:
    """Serves on loopback until it is killed."""
    seconds, inner = int(sys.argv[1]) / 1000, create_sandbox(items=int(sys.argv[2])).app
    requests = 0

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal requests
        if scope["type"] == "http":
            if scope["path"] == "/requests":
                return await PlainTextResponse(str(requests))(scope, receive, send)
            requests += 1
            await anyio.sleep(seconds)
        return await inner(scope, receive, send)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        # An answer leaves in two packets. Where the second waits until the first is acknowledged, who keeps
        # a connection waits 40 ms for each answer: that would be measured, and no server here.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        print(f"listening on http://127.0.0.1:{listener.getsockname()[1]}", file=sys.stderr, flush=True)
        anyio.run(lambda: web_server(app).serve(sockets=[listener]))


if __name__ == "__main__":
    main()
