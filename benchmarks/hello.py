"""The smallest server on the SDK."""

from __future__ import annotations

from mcp.server.mcpserver import MCPServer

server = MCPServer("hello")


@server.tool()
def hello(name: str) -> str:
    """Says hello."""
    return f"hello {name}"


server.run()
