"""Real clients, each with its own stack in an environment of its own, do the same job on a real server.

Where a client can show a form, the person answers there; elsewhere on the approval page, with its PIN.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client
from processes import COMMAND

from delivery import ROOT
from interop.record import Record
from sendoso_mcp.server.tools import TOOLS

HERE = Path(__file__).parent / "clients"
ENVIRONMENTS = ROOT / ".venv-interop"
PROGRAMS = {
    "FastMCP": ("agents", "fastmcp_client.py"),
    "Google ADK": ("adk", "google_adk_client.py"),
    "LangChain": ("langchain", "langchain_client.py"),
    "MCP Inspector, legacy": ("agents", "inspector_client.py", "legacy"),
    "MCP Inspector, modern": ("agents", "inspector_client.py", "modern"),
    "OpenAI Agents SDK": ("agents", "openai_agents_client.py"),
    "Pydantic AI": ("agents", "pydantic_ai_client.py"),
    "TypeScript SDK 1": ("agents", "typescript_client.py", "1"),
    "TypeScript SDK 2": ("agents", "typescript_client.py", "2"),
}
"""Each client's environment, and the program that drives it, with its argument."""
CASES = [
    f"{client}, {transport}"
    for client in PROGRAMS
    # The Inspector's command line starts a server for each call, and an embedded sandbox ends with it.
    for transport in (("http",) if "Inspector" in client else ("stdio", "http"))
]


def words(client: str) -> list[str]:
    environment, program, *more = PROGRAMS[client]
    return [str(ENVIRONMENTS / environment / "bin" / "python"), str(HERE / program), *more]


def drive(command: list[str], transport: str, where: str) -> dict[str, Any]:
    """Runs a client to its end; what it saw."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("SENDOSO_")}
    environ["PYTHONPATH"] = str(ROOT / "tests")
    done = subprocess.run(
        [*command, transport, where], env=environ, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


async def gifts(url: str) -> int:
    """How many were ever sent, as another client is told."""
    async with Client(f"{url}/mcp") as client:
        found = await client.call_tool("list_sends", {"limit": 1})
        return int((found.structured_content or {})["total"])


@pytest.mark.parametrize("case", CASES)
def test_a_client_finds_previews_sends_once_with_a_yes_and_not_with_a_no(
    case: str, request: pytest.FixtureRequest, record: Record, figure: Callable[[str], None]
) -> None:
    client, transport = case.rsplit(", ", 1)
    if transport == "stdio":
        seen = drive(words(client), "stdio", COMMAND[0])
    else:
        url = request.getfixturevalue("server")
        before = anyio.run(gifts, url)
        seen = drive(words(client), "http", f"{url}/mcp")
        assert anyio.run(gifts, url) == before + 1
    facts = judge(seen)
    figure(f"{case}: {', '.join(f'{name} {value}' for name, value in facts.items())}")
    record.see("clients", case, facts)


def judge(seen: dict[str, Any]) -> dict[str, Any]:
    """Holds what a client saw against what it must see; what is worth a line in the table."""
    # In the server's order or the client's own.
    assert sorted(seen["tools"]) == sorted(spec.name for spec in TOOLS)
    in_chat = seen["forms"] > 0
    assert seen["preview"] == ["ask", "form_in_chat" if in_chat else "outside_chat"]
    assert seen["forms"] in (0, 2)
    assert seen["added_found"]
    assert seen["outcomes"] == ["sent", "sent", "declined"]
    assert seen["same_send"]
    assert seen["message"] == "Obrigada, Sarah!"
    before = seen["totals"][0]
    assert seen["totals"] == [before, before + 1, before + 1, before + 1]
    assert seen["unexplained"] == [0, 0]
    if resources := seen.get("resources"):
        assert resources == ["sendoso://budget", "sendoso://policy"]
        assert json.loads(seen["budget"])["remaining"] > 0
    if prompts := seen.get("prompts"):
        assert prompts == sorted(path.stem for path in (ROOT / "prompts").glob("*.md"))
        assert seen["prompt"].startswith("Prepare a gift for Sarah Johnson.")
    return {
        "package": seen["package"],
        "version": seen["version"],
        "protocol": seen["protocol"],
        "resources": bool(resources),
        "prompts": bool(prompts),
        "elicitation": in_chat,
    }


def test_every_client_in_the_record_is_still_tried(record: Record) -> None:
    assert sorted(record.known["clients"]) == sorted(CASES)
