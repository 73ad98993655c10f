"""What the guard adds to a send.

The same send, with the guard on a SQLite file and without it, turn and turn about against one served sandbox
on loopback. Percentiles are of all sends of a round; the table shows the median over the rounds.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import ParamSpec, TextIO, TypeVar
from unittest.mock import patch

import anyio

from benchmarks.peers import GIFT, KEY
from benchmarks.peers import sendoso as served
from benchmarks.table import Beside, Row, Size, duration, number
from sendoso_mcp.api import Sendoso, connect
from sendoso_mcp.catalog import Catalog
from sendoso_mcp.models import Order
from sendoso_mcp.spending import dispatch, guard
from sendoso_mcp.spending.guard import Guard
from sendoso_mcp.spending.ledger import CHAT_FORM, Approval, Ledger, State, in_thread, looked_up
from sendoso_mcp.spending.pace import Pace
from sendoso_mcp.spending.policy import ApiRules, Limits, Policy
from sendoso_mcp.spending.quote import SendRequest
from sendoso_mcp.spending.settlement import Settlement

P = ParamSpec("P")
T = TypeVar("T")

LEDGER_P99 = 0.010
"""Seconds: the most that the ledger may take of a send at the 99th percentile."""
BEFORE_POST = 3
"""The most requests that a send may make before its order."""

# Every kind of limit, none of which is reached.
_MUCH = Decimal(90_000)
POLICY = Policy(
    limits=Limits(per_send=_MUCH, per_day=_MUCH, per_month=_MUCH, per_recipient_per_year=_MUCH),
    api=ApiRules(requests_per_second=1000),
)


class Clock:
    """Adds up the time that a send spends in the ledger, waiting for its thread included."""

    def __init__(self) -> None:
        self.spent = 0.0

    async def in_thread(self, method: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        started = time.perf_counter()
        try:
            return await in_thread(method, *args, **kwargs)
        finally:
            self.spent += time.perf_counter() - started

    async def looked_up(self, look: Callable[..., T], *args: object) -> T:
        started = time.perf_counter()
        try:
            return await looked_up(look, *args)
        finally:
            self.spent += time.perf_counter() - started


class Counter:
    """Counts requests between two looks, and how many of them waited at the same time."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self.requests = 0

    async def __call__(self) -> None:
        self.requests += 1
        await self._pace()


async def without_guard(sendoso: Sendoso, catalog: Catalog, request: SendRequest) -> None:
    """A send as a careless program makes it: look everything up, order."""
    item, recipient, _ = await anyio.gather(
        catalog.find(request.item_id), sendoso.get_recipient(request.recipient_id), sendoso.get_budget()
    )
    await sendoso.place_order(Order(recipient=recipient, item=item, message=request.message))


async def with_guard(guarded: Guard, request: SendRequest, key: str) -> None:
    """A send as `create_send` makes it: look up, judge, ask, and after a yes reserve, order, settle."""
    position = await guarded.start(request, key)
    assert isinstance(position, int)
    quote = await guarded.quote(request, position)
    question = (await guarded.consider(quote, key)).question
    assert question is not None
    approval = Approval(quote.digest, CHAT_FORM, "benchmark")
    done = await guarded.send(quote, key, question=question.id, approval=approval)
    assert isinstance(done, Settlement)
    assert done.state is State.CONFIRMED


async def timed(call: Callable[[], Awaitable[None]]) -> float:
    started = time.perf_counter()
    await call()
    return time.perf_counter() - started


def percentile(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


async def _measure(url: str, directory: str, size: Size) -> tuple[dict[str, list[list[float]]], int]:
    """Seconds of each send, by what was timed and round; and the most requests before an order."""
    clock = Clock()
    with ExitStack() as patched:
        for module in (guard, dispatch):  # not the pace: both ways wait for their turn
            patched.enter_context(patch.object(module, "in_thread", clock.in_thread))
        patched.enter_context(patch.object(guard, "looked_up", clock.looked_up))
        return await _rounds(url, directory, size, clock)


async def _rounds(
    url: str, directory: str, size: Size, clock: Clock
) -> tuple[dict[str, list[list[float]]], int]:
    ledger = Ledger(f"sqlite:///{Path(directory) / 'ledger.sqlite3'}", account="benchmark")
    counter = Counter(Pace(ledger, POLICY.api.requests_per_second))
    sendoso = connect(base_url=url, api_key=KEY, pace=counter)
    people = (await sendoso.list_recipients(per_page=25)).items
    rounds: dict[str, list[list[float]]] = {
        name: [] for name in ("without the guard", "with the guard", "in the ledger")
    }
    most = 0
    async with anyio.create_task_group() as tasks:
        catalog = Catalog(sendoso, tasks)
        gift = await catalog.find(GIFT["item_id"])
        guarded = Guard(sendoso, catalog.find, tasks, ledger=ledger, policy=POLICY, principal="benchmark")
        for round_ in range(size.rounds):
            times: dict[str, list[float]] = {name: [] for name in rounds}
            for send in range(size.guarded):
                request = SendRequest(people[send % len(people)].id, gift.id, f"{round_} {send}")
                times["without the guard"].append(
                    await timed(lambda request=request: without_guard(sendoso, catalog, request))  # type: ignore[misc]
                )
                clock.spent, counter.requests = 0.0, 0
                key = f"{round_}-{send}"
                times["with the guard"].append(
                    await timed(lambda request=request, key=key: with_guard(guarded, request, key))  # type: ignore[misc]
                )
                times["in the ledger"].append(clock.spent)
                most = max(most, counter.requests - 1)
            for name, values in times.items():
                rounds[name].append(values)
    await sendoso.aclose()
    ledger.close()
    return rounds, most


def measure(size: Size, log: TextIO) -> Iterator[Row]:  # noqa: ARG001 - it starts no server that logs
    """A send with and without the guard, what of it is spent in the ledger, and its requests."""
    with served() as url, tempfile.TemporaryDirectory() as directory:
        rounds, most = anyio.run(_measure, url, directory, size)

    def figure(name: str, percent: int) -> float:
        return statistics.median(percentile(values, percent) for values in rounds[name])

    runs = f"{size.rounds} x {size.guarded}"
    for percent, called in ((50, "median"), (99, "p99")):
        unguarded = figure("without the guard", percent)
        beside = [Beside("without the guard", unguarded)]
        yield Row(f"a send in process, {called}", figure("with the guard", percent), duration, runs, beside)
    yield Row("a send's time in the ledger, median", figure("in the ledger", 50), duration, runs)
    yield Row(
        "a send's time in the ledger, p99", figure("in the ledger", 99), duration, runs, most=LEDGER_P99
    )
    asked = str(size.rounds * size.guarded)
    yield Row("requests before the order", most, number, asked, most=BEFORE_POST)
