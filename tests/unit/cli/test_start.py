"""What a start of the server over stdio imports, beyond what any server on the SDK does."""

from __future__ import annotations

import gc
import importlib.util
import json
import subprocess
import sys
from typing import Any

import pytest

from sendoso_mcp.absent import absent
from sendoso_mcp.cli.collecting import start_without_collecting

# Each entry is paid for at every start: think before you add one.
LIBRARIES = {"httpx", "platformdirs"}
STANDARD = {
    "argparse",  # the command line
    "getpass",  # who starts the server, and so asks for gifts
    "importlib",  # where the package keeps its texts
    "pwd",
    "sqlite3",  # the ledger, which is opened beside the first calls
    "termios",
    "tomllib",  # the policy
}
LATER = (
    "catalog.search",
    "cli.approving",
    "cli.audit",
    "cli.demo",
    "cli.doctor",
    "cli.install.jsonc",
    "cli.review",
    "sandbox",
    "spending.ledger.postgres",
)
"""Of our own modules, those that a server need not have in order to start."""
LOOK = """
import gc, json, sys
import mcp.server.mcpserver
before = set(sys.modules)
from sendoso_mcp.cli import main, serve
async def no_client(server, stopper):
    tools = [tool.name for tool in await server.list_tools()]
    found = {"modules": sorted(set(sys.modules) - before), "tools": len(tools)}
    print(json.dumps(found | {"collects": gc.isenabled(), "left alone": gc.get_freeze_count()}))
serve.serve_stdio = no_client
raise SystemExit(main([]))
"""


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    place = tmp_path_factory.mktemp("start")
    environment = {
        "SENDOSO_API_KEY": "a-test-key-1",
        "SENDOSO_BASE_URL": "http://127.0.0.1:9",
        "HOME": str(place),
        "XDG_STATE_HOME": str(place),
    }
    command = [sys.executable, "-c", LOOK]
    done = subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_start_imports_what_it_is_known_to_need_and_no_more(start: dict[str, Any]) -> None:
    tops = {name.partition(".")[0] for name in start["modules"]}
    standard = {name for name in tops if name in sys.stdlib_module_names and not name.startswith("_")}
    assert standard <= STANDARD
    # Of anyio, which the SDK has imported, a few modules more.
    libraries = tops - set(sys.stdlib_module_names) - {"anyio", "sendoso_mcp"}
    assert {"httpx"} <= libraries <= LIBRARIES


def test_a_start_leaves_what_is_not_needed_yet(start: dict[str, Any]) -> None:
    ours = [name for name in start["modules"] if name.startswith("sendoso_mcp.")]
    later = tuple(f"sendoso_mcp.{name}" for name in LATER)
    assert [name for name in ours if name.startswith(later)] == []


def test_modules_named_above_are_there() -> None:
    for name in LATER:
        assert importlib.util.find_spec(f"sendoso_mcp.{name}") is not None


def test_a_server_that_started_collects_garbage_but_not_its_modules(start: dict[str, Any]) -> None:
    assert start["tools"] == 11
    assert start["collects"]
    assert start["left alone"] > 10_000


def test_a_start_that_fails_leaves_collection_on() -> None:
    def fail() -> None:
        with start_without_collecting():
            assert not gc.isenabled()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert gc.isenabled()


def test_a_module_is_absent_within_the_block_alone() -> None:
    with absent("sendoso_mcp.not_there"), pytest.raises(ModuleNotFoundError):
        importlib.import_module("sendoso_mcp.not_there")
    assert "sendoso_mcp.not_there" not in sys.modules
    with absent("json"):
        assert importlib.import_module("json") is json
    assert sys.modules["json"] is json
