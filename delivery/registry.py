"""`server.json`: what the MCP Registry lists.

Its rules: https://github.com/modelcontextprotocol/registry/tree/main/docs/reference/server-json
"""

from __future__ import annotations

from typing import Any

from sendoso_mcp import __version__
from sendoso_mcp.settings import VARIABLES, Variable

SCHEMA = "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"
NAME = "io.github.sendoso-mcp/sendoso-mcp"
"""The registry asks whoever publishes to own the part before the slash; README.md must say the same name."""
TITLE = "Sendoso gifts"
DESCRIPTION = (
    "Corporate gifts through Sendoso: find, price, send and track. None leaves without a person's yes."
)
"""At most 100 characters."""


def server_json() -> dict[str, Any]:
    """The file's content."""
    return {
        "$schema": SCHEMA,
        "name": NAME,
        "title": TITLE,
        "description": DESCRIPTION,
        "version": __version__,
        "websiteUrl": "https://developer.sendoso.com/",
        "packages": [
            {
                "registryType": "pypi",
                "registryBaseUrl": "https://pypi.org",
                "identifier": "sendoso-mcp",
                "version": __version__,
                "runtimeHint": "uvx",
                "transport": {"type": "stdio"},
                "environmentVariables": [_variable(each) for each in VARIABLES],
            }
        ],
    }


def _variable(each: Variable) -> dict[str, Any]:
    meaning = each.meaning.replace("`", "")
    default = each.default.replace("`", "")
    found: dict[str, Any] = {
        "name": each.name,
        "description": f"{meaning[0].upper()}{meaning[1:]}{f' (default: {default})' if default else ''}.",
        "format": "boolean" if each.values == ("true", "false") else "filepath" if each.file else "string",
        "isRequired": False,
        "isSecret": each.secret,
    }
    if each.values:
        found["choices"] = list(each.values)
    return found
