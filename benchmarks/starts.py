"""Start and memory, beside a hello-world server and a generated one."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from statistics import median
from typing import Any, TextIO

import psutil  # type: ignore[import-untyped]  # it has no types of its own

from benchmarks.peers import GENERATED, HELLO, OURS, ROOT, Call, Contender, contenders, environment, in_turn
from benchmarks.peers import sendoso as served
from benchmarks.table import Beside, Row, Size, duration, mebibytes

GIFTS = 2_000
START, MEMORY = 1.15, 1.3
"""The most that ours may be of hello world's."""
INITIALIZE = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "bench", "version": "1"},
}


class _Wire:
    """A server's standard input and output, a message a line: a client's own work is not measured."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._asked = 0

    def tell(self, method: str, **message: Any) -> None:
        assert self._process.stdin is not None
        line = json.dumps({"jsonrpc": "2.0", "method": method, **message})
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()

    def ask(self, method: str, params: dict[str, Any]) -> Any:
        assert self._process.stdout is not None
        self._asked += 1
        self.tell(method, id=self._asked, params=params)
        for line in self._process.stdout:
            message = json.loads(line)
            if message.get("id") == self._asked:
                return message["result"]
        raise ChildProcessError(f"the server ended at {method}")


def start(one: Contender, use: Call, log: TextIO) -> tuple[float, float]:
    """Seconds from spawn to the answer to tools/list; bytes that the process has once its tool was used."""
    begun = time.perf_counter()
    with subprocess.Popen(
        one.command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        env=environment(one),
        cwd=ROOT,
    ) as process:
        wire = _Wire(process)
        wire.ask("initialize", INITIALIZE)
        wire.tell("notifications/initialized")
        wire.ask("tools/list", {})
        seconds = time.perf_counter() - begun
        tool, arguments = use
        # Ours answers before it has read all gifts, and says so.
        while (
            wire.ask("tools/call", {"name": tool, "arguments": arguments})
            .get("structuredContent", {})
            .get("partial")
        ):
            time.sleep(0.05)
        memory = psutil.Process(process.pid).memory_info().rss
        assert process.stdin is not None
        process.stdin.close()
    return seconds, memory


def measure(size: Size, log: TextIO) -> Iterator[Row]:
    """A start to `tools/list`, and the memory of a server that knows the gifts."""
    found: dict[str, list[tuple[float, float]]] = {}
    with served(gifts=GIFTS) as sendoso:
        for round_ in range(size.starts + 1):
            # A new directory each time: no gifts are known from the last start.
            with tempfile.TemporaryDirectory() as directory:
                everybody = contenders(sendoso, directory)
                use: dict[str, Call] = {
                    HELLO: everybody[0].budget,
                    GENERATED: ("listInventory", {"per_page": 100}),
                    OURS: ("search_inventory", {"query": "coffee"}),
                }
                for one in in_turn(round_, everybody):
                    measured = start(one, use[one.name], log)
                    if round_:  # the first fills the system's caches
                        found.setdefault(one.name, []).append(measured)
    runs = str(size.starts)
    starts, memories = (
        {name: median(pair[column] for pair in pairs) for name, pairs in found.items()} for column in (0, 1)
    )
    yield Row(
        "start: spawn to tools/list",
        starts[OURS],
        duration,
        runs,
        [Beside(HELLO, starts[HELLO], START), Beside(GENERATED, starts[GENERATED])],
    )
    yield Row(
        f"memory, {GIFTS:,} gifts at Sendoso",
        memories[OURS],
        mebibytes,
        runs,
        [Beside(HELLO, memories[HELLO], MEMORY), Beside(GENERATED, memories[GENERATED])],
    )
