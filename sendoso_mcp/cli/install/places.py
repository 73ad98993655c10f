"""What each client wants in its config: which file, which fields, and where the key comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sendoso_mcp.cli.clients import ConfigFile, config_files
from sendoso_mcp.errors import SettingsError

KEY = "SENDOSO_API_KEY"
INPUT = "sendoso-api-key"
"""The id under which VS Code keeps the key that it asks for."""


@dataclass(frozen=True, slots=True)
class Client:
    """A client as the command line names it.

    Sources: modelcontextprotocol.io/docs/develop/connect-local-servers (Claude Desktop),
    code.claude.com/docs/en/mcp, cursor.com/docs/mcp,
    code.visualstudio.com/docs/agents/reference/mcp-configuration.
    """

    name: str
    typed: bool
    """Whether an entry says `"type": "stdio"`."""
    shared_key: str = ""
    """What stands for the key in a file that others may see; the client fills it in."""
    asks: bool = False
    """Whether the client can ask for the key itself, and keep it out of every file."""
    doubtful: bool = False
    """Whether its documentation leaves open if it reads a file with comments: they stay, and it is told."""
    reload: str = ""
    """What a person does so that the client reads its file."""


CLIENTS: Mapping[str, Client] = {
    "claude-desktop": Client(
        "Claude Desktop", typed=False, reload="Quit Claude Desktop and start it again to use it."
    ),
    "claude-code": Client(
        "Claude Code",
        typed=True,
        # With a default: Claude Code reads nothing of a file in which a variable is not set.
        shared_key="${SENDOSO_API_KEY:-}",
        reload="Start Claude Code again to use it; /mcp there shows whether it is connected.",
    ),
    "cursor": Client(
        "Cursor",
        typed=True,
        shared_key="${env:SENDOSO_API_KEY}",
        doubtful=True,
        reload="Cursor shows it under Settings > MCP; switch it on there.",
    ),
    "vscode": Client(
        "VS Code",
        typed=True,
        shared_key=f"${{input:{INPUT}}}",
        asks=True,
        reload='Start it in VS Code by the command "MCP: List Servers".',
    ),
}
ASKED_FOR: Mapping[str, Any] = {
    "type": "promptString",
    "id": INPUT,
    "description": "Sendoso API key (empty: the embedded sandbox)",
    "password": True,
}
"""How VS Code is told to ask for the key, and to keep it in its secret storage."""


def config_file(
    client: Client, environ: Mapping[str, str], *, project: bool, home: Path, cwd: Path, platform: str
) -> ConfigFile:
    """The file that this client reads; see `config_files` for the arguments.

    Raises:
        SettingsError: it has no file for projects here.
    """
    files = config_files(environ, home=home, cwd=cwd, platform=platform)
    for file in files:
        if file.client == client.name and file.project == project and not file.instead_reads:
            return replace(file, comments=file.comments or client.doubtful)
    raise SettingsError(
        f"{client.name} has no config file for the project here. Leave out --project. Nothing was changed."
    )
