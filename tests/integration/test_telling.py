"""What a client is told while its call is under way, at the level that it asks for."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, cast

import anyio
import pytest
from mcp import Client, MCPError
from mcp.server.mcpserver import MCPServer
from mcp.shared.exceptions import MCPDeprecationWarning
from mcp_types import (
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    EmptyResult,
    LoggingMessageNotificationParams,
    SetLevelRequest,
    SetLevelRequestParams,
)
from support import ERAS, Chat, Person, chat, order

from sendoso_mcp.calls import tell
from sendoso_mcp.sandbox import Fault, Sandbox, create_sandbox
from sendoso_mcp.server.app import build_server
from sendoso_mcp.server.services import open_services
from sendoso_mcp.settings import Settings

pytestmark = pytest.mark.anyio
NOW = {"retry-after": "0"}
BUSY = Fault("GET", "/teams/budget", status=429, headers=NOW)
ILL = Fault("GET", "/teams/budget", status=503, headers=NOW)


class Heard:
    """The messages that came to a client."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, str]] = []

    async def __call__(self, params: LoggingMessageNotificationParams) -> None:
        assert params.logger == "sendoso"
        self.messages.append((params.level, params.data))


async def set_level(client: Client, level: Any) -> None:
    with pytest.warns(MCPDeprecationWarning):
        await client.set_logging_level(level)


@asynccontextmanager
async def listening(
    sandbox: Sandbox, mode: str, level: str | None, **more: Any
) -> AsyncIterator[tuple[Chat, Heard]]:
    """A chat with a client that asks for a level as its protocol era has it, and what it hears."""
    heard = Heard()
    at_each_request = {"log_level": level} if mode == "auto" else {}
    connection = {"logging_callback": heard, **at_each_request}
    async with chat(sandbox, mode=mode, connection=connection, **more) as connected:
        if mode == "legacy" and level is not None:
            await set_level(connected.client, level)
        yield connected, heard
        await anyio.wait_all_tasks_blocked()


BUSY_TEXT = "Sendoso limits how often it is asked; it is asked again in 0.0 s (try 2 of 3)."
ILL_TEXT = "Sendoso had a problem of its own (HTTP 503); it is asked again in 0.0 s (try 3 of 3)."


@ERAS
@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("debug", [("warning", BUSY_TEXT), ("notice", ILL_TEXT)]),
        ("notice", [("warning", BUSY_TEXT), ("notice", ILL_TEXT)]),
        ("warning", [("warning", BUSY_TEXT)]),
        ("error", []),
        (None, []),
    ],
)
async def test_a_client_is_told_of_trouble_at_the_level_it_asks_for(
    mode: str, level: str | None, expected: list[tuple[str, str]]
) -> None:
    sandbox = create_sandbox()
    sandbox.faults.extend([BUSY, ILL])
    async with listening(sandbox, mode, level) as (connected, heard):
        assert (await connected.call("get_budget"))["remaining"] > 0
    assert heard.messages == expected


@ERAS
async def test_an_order_without_a_clear_answer_is_told_before_it_is_looked_for(mode: str) -> None:
    sandbox = create_sandbox()
    sandbox.faults.append(Fault("POST", "/sends", status=500, acts=True))
    async with listening(sandbox, mode, "warning", person=Person()) as (connected, heard):
        assert (await connected.call("create_send", **order()))["outcome"] == "sent"
    text = "Sendoso gave no clear answer to the order. It is looked for, and not given again."
    assert heard.messages == [("warning", text)]


@ERAS
async def test_a_call_that_fails_fails_as_it_does_for_who_hears_nothing(mode: str) -> None:
    texts = []
    for level in (None, "debug"):
        sandbox = create_sandbox()
        sandbox.faults.extend([ILL] * 3)
        async with listening(sandbox, mode, level) as (connected, _):
            texts.append(
                [
                    await connected.fail("get_budget"),
                    await connected.fail("search_inventory", limit=0),
                    await connected.fail("get_send", send_id="send_nothing"),
                    await connected.fail("nothing"),
                ]
            )
    assert texts[0] == texts[1]


async def test_a_level_is_that_of_one_connection_and_its_last() -> None:
    """Before 2026-07-28."""
    sandbox, told, untold = create_sandbox(), Heard(), Heard()
    async with open_services(Settings(), sandbox=sandbox.app) as services:
        server = build_server(services)
        async with (
            Client(server, mode="legacy", logging_callback=told) as one,
            Client(server, mode="legacy", logging_callback=untold) as other,
        ):
            for level, expected in (("warning", 1), ("error", 1), ("info", 2)):
                await set_level(one, level)
                for client in (one, other):
                    sandbox.faults.append(BUSY)
                    await client.call_tool("get_budget", {})
                await anyio.wait_all_tasks_blocked()
                assert len(told.messages) == expected
        # Nothing is kept of connections that are over.
        gc.collect()
        assert cast(Any, server)._levels._set == {}
    assert untold.messages == []


@pytest.mark.parametrize(
    ("mode", "level", "code"), [("legacy", "loud", INVALID_PARAMS), ("auto", "info", METHOD_NOT_FOUND)]
)
async def test_a_level_that_is_none_or_set_the_old_way_is_refused(mode: str, level: Any, code: int) -> None:
    request = SetLevelRequest(params=SetLevelRequestParams.model_construct(level=level))
    async with chat(create_sandbox(), mode=mode) as connected:
        with pytest.raises(MCPError) as caught:
            await connected.client.session.send_request(request, EmptyResult)
    assert caught.value.error.code == code


async def test_what_is_told_after_the_answer_goes_nowhere() -> None:
    """A search is cancelled; the reading that it began goes on, and meets a refusal."""
    sandbox = create_sandbox(items=450)
    held, go_on, inner = anyio.Event(), anyio.Event(), sandbox.app

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        if b"page=3&" in scope["query_string"] and not held.is_set():
            held.set()
            await go_on.wait()
            sandbox.faults.append(Fault("GET", "/inventory", status=429, headers=NOW))
        await inner(scope, receive, send)

    async with listening(replace(sandbox, app=slow), "auto", "debug") as (connected, heard):
        async with anyio.create_task_group() as calls:
            calls.start_soon(connected.client.call_tool, "search_inventory", {})
            await held.wait()
            calls.cancel_scope.cancel()
        go_on.set()
        assert (await connected.call("search_inventory", include_unavailable=True))["total"] == 450
    assert [weight for weight, _ in heard.messages] == ["info", "info"]


@ERAS
async def test_a_call_does_not_wait_for_a_client_that_does_not_listen(mode: str) -> None:
    """The client takes what it is told only after Sendoso was asked again."""
    sandbox, asked_again = create_sandbox(), anyio.Event()
    sandbox.faults.append(BUSY)
    inner, asked = sandbox.app, 0

    async def counting(scope: Any, receive: Any, send: Any) -> None:
        nonlocal asked
        asked += 1
        if asked == 2:
            asked_again.set()
        await inner(scope, receive, send)

    async def slow_to_hear(params: LoggingMessageNotificationParams) -> None:
        await asked_again.wait()

    connection = {"logging_callback": slow_to_hear}
    at_each_request: dict[str, Any] = {"log_level": "debug"} if mode == "auto" else {}
    served = replace(sandbox, app=counting)
    async with chat(served, mode=mode, connection=connection | at_each_request) as connected:
        if mode == "legacy":
            await set_level(connected.client, "debug")
        with anyio.fail_after(10):
            assert (await connected.call("get_budget"))["remaining"] > 0


@ERAS
async def test_a_flood_is_cut_and_what_comes_after_the_call_is_not_told(mode: str) -> None:
    answered, told_late = anyio.Event(), anyio.Event()

    async def late() -> None:
        await answered.wait()
        tell("warning", "too late")
        told_late.set()

    async with listening(create_sandbox(), mode, "info") as (connected, heard):
        server = connected.client.server
        assert isinstance(server, MCPServer)
        async with anyio.create_task_group() as outliving:

            async def talk() -> dict[str, Any]:
                """Says a lot at once, and leaves a task behind."""
                for number in range(500):
                    tell("info", str(number))
                outliving.start_soon(late)
                return {}

            server.add_tool(talk)
            await connected.call("talk")
            answered.set()
            await told_late.wait()
    assert heard.messages == [("info", str(number)) for number in range(100)]
