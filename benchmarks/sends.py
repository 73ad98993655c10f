"""What the guard adds to a send: `make bench`.

The same send, with the guard on a SQLite file and without it, turn and turn about against one served sandbox
on loopback. Percentiles are of all sends of a round; the table shows the median over the rounds. Only the
ratio and the time spent in the ledger say something about the guard: the rest depends on the machine.
"""

from __future__ import annotations

import logging
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import ParamSpec, TypeVar

import anyio

from sendoso_mcp.api import Sendoso, connect
from sendoso_mcp.catalog import Catalog
from sendoso_mcp.models import Order
from sendoso_mcp.spending import dispatch, guard
from sendoso_mcp.spending.dispatch import Settlement
from sendoso_mcp.spending.guard import Guard
from sendoso_mcp.spending.ledger import CHAT_FORM, Approval, Ledger, State, in_thread
from sendoso_mcp.spending.pace import Pace
from sendoso_mcp.spending.policy import ApiRules, Limits, Policy
from sendoso_mcp.spending.quote import SendRequest

P = ParamSpec("P")
T = TypeVar("T")

ROUNDS, SENDS = 5, 60
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


class Counter:
    """Counts requests between two looks, and how many of them waited at the same time."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self.requests = 0

    async def __call__(self) -> None:
        self.requests += 1
        await self._pace()


@contextmanager
def served_sandbox() -> Iterator[str]:
    """The address of a sandbox process on loopback."""
    command = [sys.executable, "-m", "sendoso_mcp", "sandbox", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            for line in process.stderr:
                if found := re.search(r"listening on (\S+)", line):
                    yield found[1]
                    break
        finally:
            process.kill()


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


async def measure(url: str, directory: str) -> tuple[dict[str, list[list[float]]], int]:
    """Seconds of each send, by what was timed and round; and the most requests before an order."""
    clock = Clock()
    for module in (guard, dispatch):  # not the pace: both ways wait for their turn
        vars(module)["in_thread"] = clock.in_thread
    ledger = Ledger(f"sqlite:///{Path(directory) / 'ledger.sqlite3'}", account="benchmark")
    counter = Counter(Pace(ledger, POLICY.api.requests_per_second))
    sendoso = connect(base_url=url, api_key="benchmark-key", pace=counter)
    people = (await sendoso.list_recipients(per_page=25)).items
    rounds: dict[str, list[list[float]]] = {
        name: [] for name in ("without the guard", "with the guard", "in the ledger")
    }
    most = 0
    async with anyio.create_task_group() as tasks:
        catalog = Catalog(sendoso, tasks)
        gift = await catalog.find("item_coffeehouse_egift_card_10")
        guarded = Guard(sendoso, catalog.find, tasks, ledger=ledger, policy=POLICY, principal="benchmark")
        for number in range(ROUNDS):
            times: dict[str, list[float]] = {name: [] for name in rounds}
            for send in range(SENDS):
                request = SendRequest(people[send % len(people)].id, gift.id, f"{number} {send}")
                times["without the guard"].append(
                    await timed(lambda request=request: without_guard(sendoso, catalog, request))  # type: ignore[misc]
                )
                clock.spent, counter.requests = 0.0, 0
                key = f"{number}-{send}"
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


def main() -> int:
    """Prints the table; returns 1 if a promise is not kept."""
    logging.disable(logging.INFO)
    with served_sandbox() as url, tempfile.TemporaryDirectory() as directory:
        rounds, most = anyio.run(measure, url, directory)
    print(f"a send on SQLite, {ROUNDS} rounds of {SENDS}, medians over the rounds")
    print(f"{'':<22}{'median':>10}{'p99':>10}{'ratio':>8}")
    base = statistics.median(percentile(values, 50) for values in rounds["without the guard"])
    for name, found in rounds.items():
        middle = statistics.median(percentile(values, 50) for values in found)
        p99 = statistics.median(percentile(values, 99) for values in found)
        print(f"{name:<22}{middle * 1000:>7.1f} ms{p99 * 1000:>7.1f} ms{middle / base:>8.2f}")
    p99 = statistics.median(percentile(values, 99) for values in rounds["in the ledger"])
    kept = p99 < LEDGER_P99 and most <= BEFORE_POST
    print(f"the ledger takes {p99 * 1000:.1f} ms of a send at the 99th percentile (promised: < 10 ms)")
    print(f"requests before the order: {most} (promised: at most {BEFORE_POST}, in parallel)")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
