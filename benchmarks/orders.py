"""A gift from the call to its answer, near and far from Sendoso; and how often a quote asks Sendoso."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from statistics import median
from typing import TextIO

import anyio

from benchmarks.peers import (
    GENERATED,
    GIFT,
    HTTPX,
    OURS,
    all_over_stdio,
    answer,
    contenders,
    direct,
    in_turn,
    over_stdio,
)
from benchmarks.peers import sendoso as served
from benchmarks.table import Beside, Row, Size, duration, number

NETWORK = (0, 20, 100)
"""Milliseconds that each request to Sendoso takes on the way."""
QUOTED = 20_000
QUERIES = ("coffee", "blanket", "donation", "")
QUOTE = 3
"""The most requests that a quote may make, whatever the size of the catalogue."""


async def _orders(sendoso: str, directory: str, size: Size, log: TextIO) -> dict[str, float]:
    """Median seconds of the same order, by who gives it."""
    everybody = contenders(sendoso, directory)[1:]
    found: dict[str, list[float]] = {}
    async with all_over_stdio(everybody, log) as clients, direct(sendoso) as http:

        async def order(name: str, key: str) -> None:
            if name == OURS:
                done = await answer(clients[OURS], ("create_send", {**GIFT, "idempotency_key": key}))
                if done.structured_content["outcome"] != "sent":
                    raise ValueError(f"create_send did not send: {done.structured_content}")
            elif name == GENERATED:
                await answer(clients[GENERATED], ("createSend", GIFT))
            else:
                (await http.post("/sends", json=GIFT)).raise_for_status()

        for round_ in range(-2, size.orders):
            for name in in_turn(round_, (HTTPX, GENERATED, OURS)):
                begun = time.perf_counter()
                await order(name, f"order-{round_}")
                if round_ >= 0:  # two to warm up
                    found.setdefault(name, []).append(time.perf_counter() - begun)
    return {name: median(seconds) for name, seconds in found.items()}


async def _quote(sendoso: str, directory: str, log: TextIO) -> int:
    """The most requests of a preview, of the gifts that some searches find, once all gifts were read."""
    most = 0
    async with over_stdio(contenders(sendoso, directory)[-1], log) as client, direct(sendoso) as http:

        async def requests() -> int:
            return int((await http.get("/requests")).text)

        for query in QUERIES:
            search = ("search_inventory", {"query": query, "limit": 3})
            found = (await answer(client, search)).structured_content
            while found.get("partial"):  # it answers before it has read all
                await anyio.sleep(0.05)
                found = (await answer(client, search)).structured_content
            for gift in found["gifts"]:
                before = await requests()
                arguments = {"recipient_id": GIFT["recipient_id"], "item_id": gift["id"]}
                await answer(client, ("preview_send", arguments))
                most = max(most, await requests() - before)
    return most


def measure(size: Size, log: TextIO) -> Iterator[Row]:
    """An order at each distance, its person's yes in no time; and the requests of a quote."""
    for delay in NETWORK:
        with served(delay) as sendoso, tempfile.TemporaryDirectory() as directory:
            found = anyio.run(_orders, sendoso, directory, size, log)
        yield Row(
            f"create_send, {delay} ms of network",
            found[OURS],
            duration,
            str(size.orders),
            [
                Beside(GENERATED, found[GENERATED]),
                Beside(HTTPX, found[HTTPX]),
            ],
        )
    with served(gifts=QUOTED) as sendoso, tempfile.TemporaryDirectory() as directory:
        most = anyio.run(_quote, sendoso, directory, log)
    runs = str(3 * len(QUERIES))
    yield Row(f"requests of a quote, {QUOTED:,} gifts", most, number, runs, most=QUOTE)
