"""How long a call takes, 1, 10 and 50 at once, over stdio and over streamable HTTP."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from functools import partial
from statistics import median
from typing import TextIO

import anyio

from benchmarks.peers import (
    GENERATED,
    HELLO,
    HTTPX,
    OURS,
    answer,
    contenders,
    direct,
    in_turn,
    over_http,
    over_stdio,
)
from benchmarks.peers import sendoso as served
from benchmarks.table import Beside, Row, Size, duration

AT_ONCE = (1, 10, 50)
CALL = 1.0
"""The most that a budget call may take of the generated server's time."""
Ask = Callable[[], Awaitable[object]]


async def latency(ask: Ask, at_once: int, calls: int) -> float:
    """Median seconds of a call while so many are on their way: each answer is followed by the next call."""
    seconds: list[float] = []
    left = iter(range(calls))

    async def caller() -> None:
        for _ in left:
            begun = time.perf_counter()
            await ask()
            seconds.append(time.perf_counter() - begun)

    async with anyio.create_task_group() as callers:
        for _ in range(at_once):
            callers.start_soon(caller)
    return median(seconds)


async def _measure(
    sendoso: str, directory: str, size: Size, log: TextIO
) -> dict[tuple[str, str, int], float]:
    """Seconds by name, transport and calls at once; medians over the rounds."""
    everybody = contenders(sendoso, directory)
    found: dict[tuple[str, str, int], list[float]] = {}
    async with AsyncExitStack() as stack:
        asks: dict[tuple[str, str], Ask] = {}
        for transport, connected in (("stdio", over_stdio), ("HTTP", over_http)):
            for one in everybody:
                client = await stack.enter_async_context(connected(one, log))
                asks[one.name, transport] = partial(answer, client, one.budget)
        http = await stack.enter_async_context(direct(sendoso))

        async def by_httpx() -> None:
            (await http.get("/teams/budget")).raise_for_status()

        asks[HTTPX, ""] = by_httpx
        for ask in asks.values():
            await latency(ask, AT_ONCE[-1], AT_ONCE[-1])  # opens what is opened once
        for round_ in range(size.rounds):
            for at_once in AT_ONCE:
                for who, ask in in_turn(round_, list(asks.items())):
                    seconds = await latency(ask, at_once, _count(size, at_once))
                    found.setdefault((*who, at_once), []).append(seconds)
    return {key: median(values) for key, values in found.items()}


def _count(size: Size, at_once: int) -> int:
    return max(size.calls, 4 * at_once)


def measure(size: Size, log: TextIO) -> Iterator[Row]:
    """A budget call, beside the generated server's, the SDK's own time (hello world), and httpx alone."""
    with served() as sendoso, tempfile.TemporaryDirectory() as directory:
        found = anyio.run(_measure, sendoso, directory, size, log)
    for transport in ("stdio", "HTTP"):
        for at_once in AT_ONCE:
            yield Row(
                f"budget call over {transport}, {at_once} at once",
                found[OURS, transport, at_once],
                duration,
                f"{size.rounds} x {_count(size, at_once)}",
                [
                    Beside(GENERATED, found[GENERATED, transport, at_once], CALL),
                    Beside(HELLO, found[HELLO, transport, at_once]),
                    Beside(HTTPX, found[HTTPX, "", at_once]),
                ],
            )
