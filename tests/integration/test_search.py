"""Searching as a model does, against a Sendoso that is slow, busy or has little."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import replace
from typing import Any

import anyio
import pytest
from support import SARAH, change, chat, text_of

from sendoso_mcp.api import connect
from sendoso_mcp.catalog import Catalog, Filters
from sendoso_mcp.sandbox import Sandbox, create_sandbox

pytestmark = pytest.mark.anyio
Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]


@pytest.fixture
def sandbox() -> Sandbox:
    return create_sandbox()


async def test_where_nothing_fits_the_nearest_are_shown_with_what_is_wrong(
    sandbox: Sandbox,
) -> None:
    async with chat(sandbox) as connected:
        dear = await connected.call("search_inventory", query="headset", max_price=20)
        other = await connected.call("search_inventory", query="truffles", type="egift")
    assert dear["total"] == other["total"] == 0
    assert {gift["but"] for gift in dear["gifts"]} == {"over budget"}
    assert {gift["but"] for gift in other["gifts"]} == {"other type"}
    assert "next_cursor" not in dear
    assert dear["hint"].startswith("Nothing fits.")


async def test_a_gift_that_fits_has_no_field_a_model_does_not_use(sandbox: Sandbox) -> None:
    async with chat(sandbox) as connected:
        found = await connected.call(
            "search_inventory", query="coffee lover", max_price=40, max_shipping_days=3
        )
    assert found["gifts"][0]["name"] == "Coffee Lover's Morning Box"
    assert found.keys() <= {"gifts", "total", "next_cursor", "sandbox"}
    for gift in found["gifts"]:
        assert gift.keys() <= {"id", "name", "type", "price", "days", "about"}


async def test_ten_gifts_fit_2500_characters_however_much_sendoso_says_of_each(sandbox: Sandbox) -> None:
    for number, gift in enumerate(sandbox.world.gifts()):
        change(gift, name=f"{gift.name} {'with a very long name ' * 20}")
        change(gift, description=f"{gift.description} {'and much to say, ' * 50}")
        change(gift, id=f"item_{number:05}_{'x' * 60}")
    async with chat(sandbox) as connected:
        for arguments in ({"query": ""}, {"query": "headset", "max_price": 5}):
            result = await connected.client.call_tool("search_inventory", arguments)
            assert not result.is_error
            assert 300 < len(text_of(result)) <= 2_500
            assert json.loads(text_of(result))["gifts"]


class Line:
    """The way to a sandbox: counts what passes, and refuses what it is told to."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._app = sandbox.app
        self.requests: list[str] = []
        self.refusals = 0
        self.refused = 0

    async def __call__(self, scope: Event, receive: Receive, send: Send) -> None:
        address = f"{scope['path']}?{scope['query_string'].decode()}"
        self.requests.append(address)
        if "page=1&" not in address and self.refused < self.refusals:
            self.refused += 1
            await send({"type": "http.response.start", "status": 429, "headers": [(b"retry-after", b"0")]})
            await send({"type": "http.response.body", "body": b"{}"})
            return
        await self._app(scope, receive, send)


async def test_refusals_in_the_middle_of_a_load_slow_it_and_nothing_is_lost() -> None:
    line = Line(create_sandbox(items=2_000))
    # Each request is tried three times before its page is; so some pages are refused as a whole.
    line.refusals = 40
    sendoso = connect(base_url="http://sandbox", api_key="any-key-will-do", app=line)
    async with anyio.create_task_group() as tasks:
        catalog = Catalog(sendoso, tasks)
        with anyio.fail_after(20):
            found = await catalog.search("", Filters(include_unavailable=True), limit=1)
        tasks.cancel_scope.cancel()
    await sendoso.aclose()
    assert (found.total, found.partial) == (2_000, None)
    assert line.refused == 40
    assert len(line.requests) == 20 + 40


async def test_a_quote_costs_three_requests_whatever_the_size_of_the_catalogue() -> None:
    sandbox = create_sandbox(items=2_000)
    line = Line(sandbox)
    async with chat(replace(sandbox, app=line)) as connected:
        found = await connected.call("search_inventory", query="blanket", limit=1)
        del line.requests[:]
        quote = await connected.call("preview_send", recipient_id=SARAH, item_id=found["gifts"][0]["id"])
    assert quote
    paths = sorted(request.partition("?")[0] for request in line.requests)
    assert paths == ["/inventory", f"/recipients/{SARAH}", "/teams/budget"]
