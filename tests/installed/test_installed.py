"""Wheel, image and bundle with packages fetched anew, and nothing of this checkout: `make test-install`.

uv stands in for pipx and uvx, and for the uv that Claude Desktop brings.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import zipfile
from pathlib import Path
from typing import Any

import httpx
import pytest
from mcp import Client, StdioServerParameters

from delivery import ROOT, bundle

pytestmark = pytest.mark.anyio
UV = str(Path(sys.executable).with_name("uv"))
FETCHES = {
    name: value for name, value in os.environ.items() if not name.startswith(("SENDOSO_", "VIRTUAL_ENV"))
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundle.wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    path = tmp_path / "elsewhere"
    path.mkdir()
    return path


def run(*words: str, cwd: Path, **env: str) -> str:
    done = subprocess.run(words, cwd=cwd, env=FETCHES | env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def bare(command: str, *args: str, cwd: Path, **env: str) -> StdioServerParameters:
    """A command with no environment but this."""
    words = [f"{name}={value}" for name, value in env.items()]
    return StdioServerParameters(command="/usr/bin/env", args=["-i", *words, command, *args], cwd=cwd)


async def works(server: Any) -> None:
    async with Client(server) as client:
        assert len((await client.list_tools()).tools) == 11
        assert len((await client.list_prompts()).prompts) == 5
        found = await client.call_tool("search_inventory", {"query": "coffee"})
        assert (found.structured_content or {})["gifts"]


async def test_the_wheel_in_an_environment_of_its_own(wheel: Path, tmp_path: Path, elsewhere: Path) -> None:
    """As the image is built: the server's lock, with hashes, then the wheel without an index."""
    venv = tmp_path / "venv"
    run(UV, "venv", "--quiet", str(venv), cwd=tmp_path)
    lock = ["--require-hashes", "--no-deps", "-r", str(ROOT / "requirements-server.lock")]
    for words in (lock, ["--no-deps", "--no-index", str(wheel)]):
        run(UV, "pip", "install", "--quiet", "--python", str(venv), *words, cwd=tmp_path)
    program = str(venv / "bin" / "sendoso-mcp")
    run(UV, "pip", "check", "--python", str(venv), cwd=tmp_path)
    await works(bare(program, HOME=str(tmp_path), cwd=elsewhere))
    served = subprocess.Popen(  # noqa: ASYNC220 - it is read in a thread
        [program, "serve", "--transport", "streamable-http", "--host", "127.0.0.1", "--port", "0"],
        env={"XDG_STATE_HOME": str(tmp_path), "SENDOSO_LOG_FORMAT": "json"},
        cwd=elsewhere,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert served.stderr is not None
    try:
        url = next(found[0] for line in served.stderr if (found := re.search(r"http://[\d.:]+", line)))
        # Read on, or the server would wait for room in the pipe.
        reader = threading.Thread(target=served.stderr.read)
        reader.start()
        async with httpx.AsyncClient(base_url=url) as client:
            for path in ("/healthz", "/readyz"):
                assert (await client.get(path)).status_code == 200
        await works(f"{url}/mcp")
    finally:
        served.terminate()
        served.wait(timeout=20)
        reader.join()
        served.stderr.close()


async def test_uvx_installs_into_a_client_what_starts_again_without_its_cache(
    wheel: Path, tmp_path: Path, elsewhere: Path
) -> None:
    cache = {"UV_CACHE_DIR": str(tmp_path / "cache")}
    text = run(
        *(UV, "tool", "run", "--from", str(wheel), "sendoso-mcp", "install", "claude-desktop", "--print"),
        cwd=tmp_path,
        **cache,
    )
    entry = json.loads(text)["mcpServers"]["sendoso"]
    assert Path(entry["command"]).name == "uvx"
    assert Path(entry["command"]).is_absolute()
    assert entry["args"] == ["--from", str(wheel), "sendoso-mcp"]
    assert str(tmp_path / "cache") not in text
    shutil.rmtree(tmp_path / "cache")
    indexes = {name: value for name, value in FETCHES.items() if name.startswith(("UV_", "PIP_", "SSL_"))}
    home = {"HOME": str(tmp_path), "PATH": os.defpath}
    await works(bare(entry["command"], *entry["args"], cwd=elsewhere, **home, **indexes, **cache))


async def test_the_bundle_as_claude_desktop_runs_it(tmp_path: Path, elsewhere: Path) -> None:
    place = tmp_path / "extensions" / "sendoso"
    with zipfile.ZipFile(bundle.write(tmp_path / "x.mcpb")) as file:
        file.extractall(place)
    config = json.loads((place / "manifest.json").read_text())["server"]["mcp_config"]
    args = [word.replace("${__dirname}", str(place)) for word in config["args"]]
    # The host puts its own uv in the place of the command, and leaves empty settings as they are written.
    indexes = {name: value for name, value in FETCHES.items() if name.startswith(("UV_", "PIP_", "SSL_"))}
    env = {**config["env"], "HOME": str(tmp_path), "PATH": os.defpath}
    await works(bare(UV, *args, cwd=elsewhere, **env, **indexes))
    lock = (place / "uv.lock").read_text()
    pins = dict(
        re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / "requirements-server.lock").read_text(), re.MULTILINE)
    )
    for name in ("mcp", "httpx", "pydantic", "starlette"):
        assert f'name = "{name}"\nversion = "{pins[name]}"' in lock
