"""The real command while Sendoso takes its time: what a client hears meanwhile, and what it can stop.

Over stdio and HTTP, in both protocol eras. All in one conversation, since each needs a server of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import anyio
import pytest
from gate import Gate, Held, gate_before
from mcp import Client, StdioServerParameters
from mcp.shared.exceptions import MCPDeprecationWarning
from mcp_types import LoggingMessageNotificationParams
from processes import COMMAND, KEY, QUICK, Start
from support import EGIFT, ERAS, SARAH, Chat, Person

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]
ORDER = {"recipient_id": SARAH, "item_id": EGIFT}
GIVEN_UP = 10.0
"""Seconds, less than those after which the server itself would give up a read."""
READS: list[tuple[str, dict[str, Any], int]] = [
    ("get_send", {"send_id": "send_1"}, 1),
    ("list_sends", {}, 1),
    ("search_recipients", {"query": "sarah"}, 1),
    ("get_recipient", {"recipient_id": SARAH}, 1),
    ("get_budget", {}, 1),
    ("sends_report", {"start_date": "2026-01-01", "end_date": "2026-12-31"}, 1),
    # The gift's page, the person and the budget.
    ("preview_send", ORDER, 3),
]
"""Each read, and how many requests it has on their way at once."""


class Ears:
    """Hears what a client is told before an answer."""

    def __init__(self) -> None:
        self.reports: list[tuple[float, float | None, str | None]] = []
        self.messages: list[tuple[str, str]] = []
        self.page_read = anyio.Event()

    async def progress(self, progress: float, total: float | None, message: str | None) -> None:
        self.reports.append((progress, total, message))
        if progress >= 100:
            self.page_read.set()

    async def message(self, params: LoggingMessageNotificationParams) -> None:
        self.messages.append((params.level, params.data))


async def cancelled(
    client: Client, gate: Gate, tool: str, arguments: dict[str, Any], requests: int
) -> list[Held]:
    """Cancels a call as soon as so many requests of it are on their way; gives these."""
    async with anyio.create_task_group() as call:
        call.start_soon(client.call_tool, tool, arguments)
        held = [await gate.next() for _ in range(requests)]
        call.cancel_scope.cancel()
    return held


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """For a server whose person answers at once, whose Sendoso has no limit, and that knows no gift yet."""
    file = tmp_path / "policy.toml"
    quick = Path(QUICK["SENDOSO_POLICY_FILE"]).read_text(encoding="utf-8")
    file.write_text(f"{quick}\n[api]\nrequests_per_second = 1000\n", encoding="utf-8")
    return {
        "SENDOSO_API_KEY": KEY,
        "SENDOSO_POLICY_FILE": str(file),
        # Over stdio the client passes nothing else on, and a gate before may have had the same address.
        "XDG_CACHE_HOME": str(tmp_path),
        "XDG_STATE_HOME": str(tmp_path),
    }


@pytest.mark.parametrize("transport", ["stdio", "streamable-http"])
@ERAS
async def test_a_client_hears_of_long_reads_and_can_stop_them(
    start: Start, sendoso: str, orders: Callable[[], int], env: dict[str, str], transport: str, mode: str
) -> None:
    ears = Ears()
    async with gate_before(sendoso) as gate:
        env["SENDOSO_BASE_URL"] = gate.url
        target: Any = StdioServerParameters(command=COMMAND[0], env=env)
        if transport != "stdio":
            process = await anyio.to_thread.run_sync(
                lambda: start("--transport", transport, "--port", "0", **env)
            )
            target = f"{await anyio.to_thread.run_sync(process.url)}/mcp"
        level: Any = {"log_level": "info"} if mode == "auto" else {}
        client = Client(
            target, mode=mode, elicitation_callback=Person(), logging_callback=ears.message, **level
        )
        async with client:
            with pytest.warns(MCPDeprecationWarning) if mode == "legacy" else nullcontext():
                if mode == "legacy":
                    await client.set_logging_level("info")
            await _a_cancelled_read_asks_no_more(client, gate)
            await _a_search_is_heard_of_and_takes_up_what_a_cancelled_one_began(client, gate, ears)
            await _a_look_at_a_gift_stops_as_well(client, gate)
            await _a_cancelled_order_is_given_once(Chat(client), gate, orders)


async def _a_cancelled_read_asks_no_more(client: Client, gate: Gate) -> None:
    gate.holds = lambda request: True
    for tool, arguments, requests in READS[:-1]:
        for held in await cancelled(client, gate, tool, arguments, requests):
            with anyio.fail_after(GIVEN_UP):
                await held.gone.wait()
    gate.holds = lambda request: False
    assert not (await client.call_tool("get_budget", {})).is_error
    # One a read, and that of the call that was not cancelled.
    assert len(gate.came) == len(READS) - 1 + 1


async def _a_search_is_heard_of_and_takes_up_what_a_cancelled_one_began(
    client: Client, gate: Gate, ears: Ears
) -> None:
    del gate.came[:]
    gate.holds = lambda request: True
    # What is read of the catalogue is kept for whoever asks next, so this goes on.
    (first_page,) = await cancelled(client, gate, "search_inventory", {"query": "coffee"}, 1)
    (read,) = await cancelled(client, gate, "list_sends", {}, 1)
    with anyio.fail_after(GIVEN_UP):
        await read.gone.wait()
    assert not first_page.gone.is_set()

    async def let_through() -> None:
        first_page.go.set()
        pages = [await gate.next() for _ in range(3)]
        with anyio.fail_after(GIVEN_UP):
            await ears.page_read.wait()
        for page in pages:
            page.go.set()

    async with anyio.create_task_group() as beside:
        beside.start_soon(let_through)
        found = await client.call_tool("search_inventory", {}, progress_callback=ears.progress)
    assert not found.is_error
    assert found.structured_content is not None
    assert "partial" not in found.structured_content
    pages = [request for request in gate.came if request.startswith("GET /inventory")]
    assert len(pages) == len(set(pages)) == 4
    done = [progress for progress, _, _ in ears.reports]
    assert done[:2] == [0, 100]
    assert done == sorted(set(done))
    assert ears.reports[1] == (100, 320, "Reading the catalogue: 100 of 320 gifts.")
    # What the cancelled search was told may have come, too, if it was not cut off.
    assert set(ears.messages) == {
        ("info", "The catalogue is being read, and the search waits a while for it.")
    }


async def _a_look_at_a_gift_stops_as_well(client: Client, gate: Gate) -> None:
    tool, arguments, requests = READS[-1]
    del gate.came[:]
    for held in await cancelled(client, gate, tool, arguments, requests):
        with anyio.fail_after(GIVEN_UP):
            await held.gone.wait()
    assert len(gate.came) == requests


async def _a_cancelled_order_is_given_once(chat: Chat, gate: Gate, orders: Callable[[], int]) -> None:
    before = await anyio.to_thread.run_sync(orders)
    gate.holds = lambda request: request.startswith("POST")
    order = {**ORDER, "idempotency_key": gate.url}
    (ordered,) = await cancelled(chat.client, gate, "create_send", order, 1)
    # The call is over, and its order goes on: it is answered, and whoever asks again is told so.
    await chat.call("get_budget")
    assert not ordered.gone.is_set()
    ordered.go.set()
    assert (await chat.call("create_send", **order))["outcome"] == "sent"
    assert [request for request in gate.came if request.startswith("POST")] == ["POST /sends"]
    assert await anyio.to_thread.run_sync(orders) == before + 1
