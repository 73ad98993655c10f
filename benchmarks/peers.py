"""Who is measured: ours, a hello-world server on the same SDK, FastMCP's `from_openapi` on the same contract.

FastMCP has an environment of its own (`.venv-peer`). All ask one served sandbox, and are asked turn and turn
about, so that whatever else the machine does hits each of them.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO, TypeVar

import anyio
import anyio.abc
import httpx
from mcp import Client, StdioServerParameters, stdio_client
from mcp.client import ClientRequestContext
from mcp_types import ElicitRequestParams, ElicitResult

T = TypeVar("T")
Call = tuple[str, Mapping[str, Any]]
"""A tool and its arguments."""

HERE = Path(__file__).parent
ROOT = HERE.parent
KEY = "benchmark-key"
GIFT = {"recipient_id": "rcpt_sarah_johnson", "item_id": "item_coffeehouse_egift_card_10"}
HELLO, GENERATED, OURS, HTTPX = "hello world", "FastMCP from_openapi", "sendoso-mcp", "httpx alone"
# Every kind of limit, none of which is reached, and no wait for a person who reads.
POLICY = """
[limits]
per_send = 900000
per_day = 900000
per_month = 900000
per_recipient_per_year = 900000
sends_per_hour = 1000000

[approval]
read_seconds = 0

[api]
requests_per_second = 1000
"""


@dataclass(frozen=True, slots=True)
class Contender:
    """A server: its command, what is added to that for HTTP (the port comes last), and its environment."""

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    over_http: tuple[str, ...] = ()
    budget: Call = ("", {})
    """Asks for the budget; of hello world, its only tool."""


def contenders(sendoso: str, directory: str) -> tuple[Contender, ...]:
    """Hello world, the generated server and ours, which keeps its files in the directory."""
    api = {"SENDOSO_API_KEY": KEY, "SENDOSO_BASE_URL": sendoso}
    policy = Path(directory, "policy.toml")
    policy.write_text(POLICY, encoding="utf-8")
    ours = api | {
        "SENDOSO_LEDGER_URL": f"sqlite:///{directory}/ledger.sqlite3",
        "SENDOSO_POLICY_FILE": str(policy),
        "SENDOSO_LOG_LEVEL": "ERROR",
        "XDG_CACHE_HOME": directory,
    }
    generated = (str(ROOT / ".venv-peer" / "bin" / "python"), str(HERE / "generated_peer.py"))
    return (
        Contender(HELLO, (sys.executable, str(HERE / "hello.py")), budget=("hello", {"name": "world"})),
        Contender(GENERATED, generated, api | {"FASTMCP_LOG_LEVEL": "ERROR"}, budget=("getTeamBudget", {})),
        Contender(
            OURS,
            (sys.executable, "-m", "sendoso_mcp"),
            ours,
            ("--transport", "streamable-http", "--port"),
            budget=("get_budget", {}),
        ),
    )


def in_turn(round_: int, all_: Sequence[T]) -> Sequence[T]:
    """Everybody once; backwards in every other round, so that nobody always follows the same one."""
    return all_[::-1] if round_ % 2 else all_


def environment(one: Contender) -> dict[str, str]:
    """This process's environment without settings of the person who measures, and the server's own."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SENDOSO_")}
    return clean | dict(one.env)


@contextmanager
def sendoso(milliseconds: int = 0, gifts: int = 320) -> Iterator[str]:
    """The address of a Sendoso that is so far off and has so many gifts."""
    words = (sys.executable, "-m", "benchmarks.sendoso", str(milliseconds), str(gifts))
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stderr is not None
        try:
            yield next(m[1] for line in process.stderr if (m := re.search(r"listening on (\S+)", line)))
        finally:
            process.kill()


async def yes(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:  # noqa: ARG001
    """A person who wants it, at once."""
    return ElicitResult(action="accept", content={"decision": "Send it"})


@asynccontextmanager
async def over_stdio(one: Contender, log: TextIO) -> AsyncIterator[Client]:
    """A client of the server, which it starts; what the server says on stderr goes to the log."""
    command, *words = one.command
    parameters = StdioServerParameters(command=command, args=words, env=environment(one), cwd=ROOT)
    async with Client(stdio_client(parameters, errlog=log), elicitation_callback=yes) as client:
        yield client


@asynccontextmanager
async def over_http(one: Contender, log: TextIO) -> AsyncIterator[Client]:
    """A client of the server, started and listening on a port of its own."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = [*one.command, *one.over_http, str(port)]
    async with await anyio.open_process(
        words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment(one), cwd=ROOT
    ) as process:
        try:
            await _listens(process, port)
            async with Client(f"http://127.0.0.1:{port}/mcp", elicitation_callback=yes) as client:
                yield client
        finally:
            process.kill()


async def _listens(process: anyio.abc.Process, port: int) -> None:
    """Returns once the process takes connections.

    Raises:
        ConnectionError: it ended instead.
        TimeoutError: it takes none after half a minute.
    """
    with anyio.fail_after(30):
        while process.returncode is None:
            try:
                await (await anyio.connect_tcp("127.0.0.1", port)).aclose()
            except OSError:
                await anyio.sleep(0.05)
            else:
                return
    raise ConnectionError("a server ended before it took connections")


@asynccontextmanager
async def all_over_stdio(everybody: Sequence[Contender], log: TextIO) -> AsyncIterator[dict[str, Client]]:
    """A client of each, by its name."""
    async with AsyncExitStack() as stack:
        yield {one.name: await stack.enter_async_context(over_stdio(one, log)) for one in everybody}


def direct(sendoso: str) -> httpx.AsyncClient:
    """httpx alone, which keeps its connections."""
    return httpx.AsyncClient(base_url=sendoso, headers={"X-Api-Key": KEY}, trust_env=False)


async def answer(client: Client, call: Call) -> Any:
    """The tool's answer.

    Raises:
        ValueError: it is an error; then there is nothing to measure.
    """
    tool, arguments = call
    result = await client.call_tool(tool, dict(arguments))
    if result.is_error:
        raise ValueError(f"{tool} failed: {result.content}")
    return result
