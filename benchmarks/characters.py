"""What definitions and answers cost a model, in characters, beside the generated server's."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import TextIO

import anyio
from mcp import Client

from benchmarks.definitions import LIMIT, length
from benchmarks.peers import GENERATED, GIFT, OURS, Call, all_over_stdio, answer, contenders
from benchmarks.peers import sendoso as served
from benchmarks.table import Beside, Row, Size, number

WITH_OUTPUT = 13_500
"""Definitions with their output schemas."""
TEN_GIFTS = 2_500
PERSON = GIFT["recipient_id"]
MONTH = {
    "start_date": (date.today() - timedelta(days=30)).isoformat(),  # a report's days
    "end_date": date.today().isoformat(),
    "group_by": "user",
}
# What a model asks for, of ours and of the generated server. Of several calls the longest answer counts.
ANSWERS: Sequence[tuple[str, Sequence[Call], Sequence[Call]]] = (
    (
        "ten gifts",
        [
            ("search_inventory", {"query": query})
            for query in ("", "coffee", "blanket", "team swag", "donation")
        ],
        [("listInventory", {"per_page": 10, "page": page}) for page in range(1, 6)],
    ),
    (
        "ten people",
        [("search_recipients", {"query": ""})],
        [("listRecipients", {"per_page": 10})],
    ),
    (
        "one person",
        [("get_recipient", {"recipient_id": PERSON})],
        [("retrieveRecipient", {"recipient_id": PERSON})],
    ),
    ("a quote", [("preview_send", GIFT)], []),
    ("an order", [("create_send", GIFT)], [("createSend", GIFT)]),
    ("ten sends", [("list_sends", {})], [("listSends", {"per_page": 10})]),
    ("the budget", [("get_budget", {})], [("getTeamBudget", {})]),
    ("a month by user", [("sends_report", MONTH)], [("getSendsReport", MONTH)]),
)


async def _longest(client: Client, calls: Sequence[Call]) -> int:
    """Characters of the text that a model reads."""
    lengths = []
    for call in calls:
        result = await answer(client, call)
        lengths.append(sum(len(block.text) for block in result.content))
    return max(lengths)


async def _definitions(client: Client) -> tuple[int, int]:
    """Characters of name, description and input schema of all tools; and with output schemas."""
    tools = (await client.list_tools()).tools
    without = sum(len(tool.name) + len(tool.description or "") + length(tool.input_schema) for tool in tools)
    return without, without + sum(length(tool.output_schema) for tool in tools if tool.output_schema)


async def _measure(sendoso: str, directory: str, log: TextIO) -> list[Row]:
    rows = []
    async with all_over_stdio(contenders(sendoso, directory)[1:], log) as clients:
        ours, peer = clients[OURS], clients[GENERATED]
        mine, theirs = await _definitions(ours), await _definitions(peer)
        for what, at, limit in (
            ("definitions of all tools", 0, LIMIT),
            ("definitions, output schemas too", 1, WITH_OUTPUT),
        ):
            rows.append(Row(what, mine[at], number, "1", [Beside(GENERATED, theirs[at])], limit))
        for what, calls, their_calls in ANSWERS:
            beside = [Beside(GENERATED, await _longest(peer, their_calls))] if their_calls else []
            runs = str(len(calls))
            most = TEN_GIFTS if what == "ten gifts" else None
            rows.append(Row(f"answer: {what}", await _longest(ours, calls), number, runs, beside, most))
    return rows


def measure(size: Size, log: TextIO) -> Iterator[Row]:  # noqa: ARG001 - characters do not vary
    """Definitions, and the answers to what is asked most."""
    with served() as sendoso, tempfile.TemporaryDirectory() as directory:
        yield from anyio.run(_measure, sendoso, directory, log)
