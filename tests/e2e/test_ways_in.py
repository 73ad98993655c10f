"""The server as clients start it: by a config or a bundle, from any directory, with a bare environment."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from processes import COMMAND, KEY

from delivery import bundle

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]
# The other two differ from the first in the file's name only.
CONFIGS = {
    "claude-desktop": ("Claude/claude_desktop_config.json", "mcpServers"),
    "vscode": ("Code/User/mcp.json", "servers"),
}


def started(command: str, args: list[str], env: dict[str, str], cwd: Path) -> StdioServerParameters:
    """As a desktop client would: the SDK's own variables are taken away again."""
    words = [f"{name}={value}" for name, value in env.items()]
    return StdioServerParameters(command="/usr/bin/env", args=["-i", *words, command, *args], cwd=cwd)


async def works(server: Any, *, sandbox: bool) -> None:
    async with Client(server) as client:
        assert len((await client.list_tools()).tools) == 11
        assert len((await client.list_prompts()).prompts) == 5
        answer = await client.call_tool("get_budget", {})
        assert not answer.is_error
        assert ("sandbox" in (answer.structured_content or {})) is sandbox


@pytest.mark.parametrize("client", CONFIGS)
async def test_the_config_that_install_writes_starts_the_server(
    client: str, sendoso: str, tmp_path: Path
) -> None:
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    elsewhere.mkdir()
    subprocess.run(  # noqa: ASYNC221 - nothing else runs meanwhile
        [*COMMAND, "install", client, "--env", f"SENDOSO_BASE_URL={sendoso}"],
        env={"HOME": str(home), "XDG_CONFIG_HOME": str(home), "SENDOSO_API_KEY": KEY, "PATH": ""},
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    file, key = CONFIGS[client]
    config = json.loads((home / file).read_text())
    entry = config[key]["sendoso"]
    # What VS Code was told to ask for is what it fills in.
    asked = {f"${{input:{each['id']}}}": KEY for each in config.get("inputs", [])}
    env = {name: asked.get(value, value) for name, value in entry["env"].items()}
    env["HOME"] = str(home)
    await works(started(entry["command"], entry.get("args", []), env, elsewhere), sandbox=False)


async def test_the_bundle_starts_the_server(tmp_path: Path) -> None:
    place = tmp_path / "extensions" / "sendoso"
    with zipfile.ZipFile(bundle.write(tmp_path / "x.mcpb")) as file:
        file.extractall(place)
    config = json.loads((place / "manifest.json").read_text())["server"]["mcp_config"]
    (elsewhere := tmp_path / "elsewhere").mkdir()
    # uv would run it with the packages that pyproject.toml there names; here they are those of the tests.
    script = str(place / config["args"][-1])
    await works(started(sys.executable, [script], config["env"], elsewhere), sandbox=True)
