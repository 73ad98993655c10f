"""The smallest server on the SDK: over stdio, or over HTTP on the port that is given."""

from __future__ import annotations

import sys

from mcp.server.mcpserver import MCPServer

# No server of the comparison logs its calls.
server = MCPServer("hello", log_level="ERROR")


@server.tool()
def hello(name: str) -> str:
    """Says hello."""
    return f"hello {name}"


if len(sys.argv) > 1:
    server.run("streamable-http", port=int(sys.argv[1]))
else:
    server.run()
