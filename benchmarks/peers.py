"""Ours beside what a user would pick instead: `make bench`.

The peers are a hello-world server on the same SDK, and FastMCP's `from_openapi` on the same contract, in an
environment of its own (`.venv-peer`). All are driven by the SDK's client against one served sandbox, turn and
turn about; each figure is the median over the rounds. Only ratios say something: the rest is this machine.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import httpx
from mcp import Client, StdioServerParameters
from mcp.client import ClientRequestContext
from mcp_types import ElicitRequestParams, ElicitResult

HERE = Path(__file__).parent
ROOT = HERE.parent
KEY = "benchmark-key"
STARTS, ROUNDS, CALLS = 11, 5, 100
BOUNDS = {"start": 1.15, "memory": 1.3, "budget call": 1.0}
"""The most that ours may be of its peer's: of hello-world's, and for the call of FastMCP's."""
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "bench", "version": "1"},
    },
}
GIFT = {"recipient_id": "rcpt_sarah_johnson", "item_id": "item_coffeehouse_egift_card_10"}


@dataclass(frozen=True, slots=True)
class Contender:
    """A server's command, its environment, and what its tool for the budget is called."""

    name: str
    command: tuple[str, ...]
    env: dict[str, str]
    budget: str = ""

    @property
    def parameters(self) -> StdioServerParameters:
        return StdioServerParameters(command=self.command[0], args=list(self.command[1:]), env=self.env)


@contextmanager
def listening(*command: str, env: dict[str, str] | None = None) -> Iterator[str]:
    """The address that a process says it listens on."""
    with subprocess.Popen(
        [sys.executable, "-m", *command],
        stderr=subprocess.PIPE,
        text=True,
        env=clean_environment() | (env or {}),
        cwd=ROOT,
    ) as process:
        assert process.stderr is not None
        try:
            found = next(m for line in process.stderr if (m := re.search(r"listening on (\S+)", line)))
            yield found[1]
        finally:
            process.kill()


def clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("SENDOSO_")}


def contenders(sendoso: str, directory: str) -> tuple[Contender, ...]:
    env = {"SENDOSO_API_KEY": KEY, "SENDOSO_BASE_URL": sendoso}
    python = str(ROOT / ".venv-peer" / "bin" / "python")
    policy = Path(directory, "policy.toml")
    policy.write_text("[approval]\nread_seconds = 0\n[api]\nrequests_per_second = 1000\n")
    ours = env | {
        "SENDOSO_LEDGER_URL": f"sqlite:///{directory}/ledger.sqlite3",
        "SENDOSO_POLICY_FILE": str(policy),
        "XDG_CACHE_HOME": directory,
        "SENDOSO_LOG_LEVEL": "ERROR",
    }
    return (
        Contender("hello world", (sys.executable, str(HERE / "hello.py")), {}),
        Contender("FastMCP from_openapi", (python, str(HERE / "generated_peer.py")), env, "getTeamBudget"),
        Contender("sendoso-mcp", (sys.executable, "-m", "sendoso_mcp"), ours, "get_budget"),
    )


def start(contender: Contender) -> tuple[float, float]:
    """Seconds from spawn to the answer to tools/list, and MiB that the process then has."""
    begun = time.perf_counter()
    with subprocess.Popen(
        contender.command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=clean_environment() | contender.env,
        cwd=ROOT,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        asked: list[dict[str, Any]] = [
            INITIALIZE,
            {"method": "notifications/initialized"},
            {"id": 2, "method": "tools/list"},
        ]
        for message in asked:
            process.stdin.write(json.dumps({"jsonrpc": "2.0"} | message).encode() + b"\n")
            process.stdin.flush()
            if "id" in message:
                process.stdout.readline()
        seconds = time.perf_counter() - begun
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
        process.stdin.close()
        process.wait()
    return seconds, int(re.findall(r"VmRSS:\s+(\d+) kB", status)[0]) / 1024


async def yes(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:  # noqa: ARG001
    return ElicitResult(action="accept", content={"decision": "Send it"})


async def call_seconds(client: Client, tool: str, at_once: int) -> float:
    """Seconds for one call, when so many are made at once."""

    async def call() -> None:
        assert not (await client.call_tool(tool, {})).is_error

    begun = time.perf_counter()
    for _ in range(CALLS // at_once):
        async with anyio.create_task_group() as calls:
            for _ in range(at_once):
                calls.start_soon(call)
    return (time.perf_counter() - begun) / CALLS


@asynccontextmanager
async def direct(sendoso: str) -> AsyncIterator[Callable[[], Any]]:
    async with httpx.AsyncClient(base_url=sendoso, headers={"X-Api-Key": KEY}, trust_env=False) as client:
        yield lambda: client.get("/teams/budget")


async def calls(all_: tuple[Contender, ...], sendoso: str) -> dict[tuple[str, int], float]:
    """Seconds for one budget call over stdio, by server and calls at once; medians over the rounds."""
    found: dict[tuple[str, int], list[float]] = {}
    with_budget = [one for one in all_ if one.budget]
    for _ in range(ROUNDS):
        async with direct(sendoso) as get:
            begun = time.perf_counter()
            for _ in range(CALLS):
                (await get()).raise_for_status()
            found.setdefault(("httpx alone", 1), []).append((time.perf_counter() - begun) / CALLS)
        for one in with_budget:
            async with Client(one.parameters) as client:
                await call_seconds(client, one.budget, 1)
                for at_once in (1, 10, 50):
                    seconds = await call_seconds(client, one.budget, at_once)
                    found.setdefault((one.name, at_once), []).append(seconds)
    return {key: statistics.median(values) for key, values in found.items()}


async def sends(ours: Contender) -> float:
    """Seconds for a gift from the call to its answer, a person's yes in between that takes no time."""
    seconds = []
    async with Client(ours.parameters, elicitation_callback=yes) as client:
        for number in range(12):
            begun = time.perf_counter()
            done = await client.call_tool(
                "create_send", {**GIFT, "idempotency_key": f"{time.time()}-{number}"}
            )
            assert (done.structured_content or {})["outcome"] == "sent", done
            seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds[2:])


def main() -> int:
    """Prints the tables; returns 1 if a bound is not kept."""
    with tempfile.TemporaryDirectory() as directory:
        with listening("sendoso_mcp", "sandbox", "--port", "0") as sendoso:
            everybody = contenders(sendoso, directory)
            kept = _print_starts(everybody)
            kept = _print_calls(everybody, sendoso) and kept
        print(f"\n{'create_send, end to end':<26}{'median':>12}")
        for delay in (0, 20, 100):
            with listening("benchmarks.sendoso", str(delay)) as sendoso, tempfile.TemporaryDirectory() as one:
                seconds = anyio.run(sends, contenders(sendoso, one)[-1])
            print(f"{f'{delay} ms to Sendoso':<26}{seconds * 1000:>9.1f} ms")
    return 0 if kept else 1


def _print_starts(everybody: tuple[Contender, ...]) -> bool:
    starts: dict[str, list[tuple[float, float]]] = {one.name: [] for one in everybody}
    for _ in range(STARTS):
        for one in everybody:
            starts[one.name].append(start(one))
    print(f"{'spawn to tools/list':<26}{'median':>12}{'ratio':>8}{'memory':>12}{'ratio':>8}")
    base = [statistics.median(column) for column in zip(*starts["hello world"], strict=True)]
    ratios = [1.0, 1.0]
    for name, found in starts.items():
        seconds, memory = (statistics.median(column) for column in zip(*found, strict=True))
        ratios = [seconds / base[0], memory / base[1]]
        print(f"{name:<26}{seconds * 1000:>9.0f} ms{ratios[0]:>8.2f}{memory:>8.1f} MiB{ratios[1]:>8.2f}")
    print(f"promised: at most {BOUNDS['start']} and {BOUNDS['memory']} of hello world")
    return ratios[0] <= BOUNDS["start"] and ratios[1] <= BOUNDS["memory"]


def _print_calls(everybody: tuple[Contender, ...], sendoso: str) -> bool:
    found = anyio.run(calls, everybody, sendoso)
    print(f"\n{'a budget call over stdio':<26}{'1':>10}{'10':>10}{'50 at once':>12}")
    print(f"{'httpx alone':<26}{found['httpx alone', 1] * 1000:>7.1f} ms")
    for one in everybody:
        if one.budget:
            cells = [f"{found[one.name, at_once] * 1000:.1f} ms" for at_once in (1, 10, 50)]
            print(f"{one.name:<26}{cells[0]:>10}{cells[1]:>10}{cells[2]:>12}")
    ratio = found["sendoso-mcp", 1] / found["FastMCP from_openapi", 1]
    print(f"ours takes {ratio:.2f} of the generated peer's time (promised: at most {BOUNDS['budget call']})")
    return ratio <= BOUNDS["budget call"]


if __name__ == "__main__":
    sys.exit(main())
