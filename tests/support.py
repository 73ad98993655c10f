"""What integration and end-to-end tests share: a person who answers, and a chat with the server."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import pytest
from mcp import Client
from mcp.client import ClientRequestContext
from mcp_types import (
    CallToolResult,
    ElicitRequestFormParams,
    ElicitRequestParams,
    ElicitResult,
    ErrorData,
    TextContent,
)

from sendoso_mcp.sandbox import Sandbox
from sendoso_mcp.server.app import build_server
from sendoso_mcp.server.services import Services, open_services
from sendoso_mcp.settings import Settings
from sendoso_mcp.spending.policy import Policy
from sendoso_mcp.spending.policy_file import read_policy

YES = ElicitResult(action="accept", content={"decision": "Send it"})
NO = ElicitResult(action="accept", content={"decision": "Do not send"})
SARAH = "rcpt_sarah_johnson"
EGIFT = "item_coffeehouse_egift_card_25"
ERAS = pytest.mark.parametrize("mode", ["auto", "legacy"])


@dataclass
class Person:
    """Somebody in front of a chat client, who gives one answer to every question."""

    answer: ElicitResult | ErrorData = field(default_factory=lambda: YES)
    before: Callable[[], None] | None = None
    """What happens while the question is open."""
    asked: list[str] = field(default_factory=list)

    async def __call__(
        self, context: ClientRequestContext, params: ElicitRequestParams
    ) -> ElicitResult | ErrorData:
        if not isinstance(params, ElicitRequestFormParams):
            return ElicitResult(action="decline")  # opens no pages
        self.asked.append(params.message)
        if self.before is not None:
            self.before()
        if self.answer not in (YES, NO):
            return self.answer
        # The first choice is always the refusal, the last one the yes.
        choices = params.requested_schema["properties"]["decision"]["enum"]
        return ElicitResult(action="accept", content={"decision": choices[-1 if self.answer == YES else 0]})


@dataclass
class Chat:
    """A connected client, and what is behind the server that it talks to."""

    client: Client
    services: Services | None = None

    async def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """The structured answer of a call that must succeed."""
        result = await self.client.call_tool(tool, arguments)
        assert not result.is_error, text_of(result)
        assert result.structured_content is not None
        return dict(result.structured_content)

    async def fail(self, tool: str, **arguments: Any) -> str:
        """The text of a call that must fail."""
        result = await self.client.call_tool(tool, arguments)
        assert result.is_error, text_of(result)
        return text_of(result)


def text_of(result: CallToolResult) -> str:
    """A result's one text."""
    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text


def facts(result: CallToolResult) -> Any:
    """What a result's text says, as data."""
    return json.loads(text_of(result))


@asynccontextmanager
async def chat(
    sandbox: Sandbox,
    *,
    mode: str = "auto",
    person: Any = None,
    policy: Policy | None = None,
    ledger_url: str | None = None,
    slow_reader: bool = False,
    page: Callable[[], Awaitable[str | None]] | None = None,
    state_key: bytes | None = None,
    connection: Mapping[str, Any] | None = None,
    **options: Any,
) -> AsyncIterator[Chat]:
    """A chat with a server of its own on a sandbox, in this process; without a person it cannot ask.

    Without a policy it has the defaults, without a ledger's URL one of its own, in memory, and without a key
    for states a random one: with an API key, servers have the same. `connection` is what else the client is
    made with, `options` the server.
    """
    settings = Settings(ledger_url=ledger_url)
    policy = policy or (read_policy(None) if slow_reader else quick_policy())
    async with open_services(settings, sandbox=sandbox.app, policy=policy) as services:
        outside = services.outside if page is None else services.outside.with_page(page)
        state_key = state_key or services.state_key
        server = build_server(replace(services, outside=outside, state_key=state_key), **options)
        async with Client(server, mode=mode, elicitation_callback=person, **(connection or {})) as client:
            yield Chat(client, services)


def quick_policy(**sections: dict[str, Any]) -> Policy:
    """The default policy, under which a person may read in no time; `sections` change it."""
    approval = {"read_seconds": 0, **sections.pop("approval", {})}
    document = read_policy(None).model_dump(mode="json")
    for name, keys in {"approval": approval, **sections}.items():
        document[name] |= keys
    return Policy.model_validate(_numbers(document))


def _numbers(value: Any) -> Any:
    """A policy takes no text for a number, and JSON has no decimals."""
    match value:
        case dict():
            return {key: _numbers(entry) for key, entry in value.items()}
        case str() if value.replace(".", "", 1).isdecimal():
            return Decimal(value)
        case _:
            return value


def sends(sandbox: Sandbox) -> int:
    """How many gifts were ordered in all, cancelled ones too."""
    return len(sandbox.world.sends())


def order(**more: Any) -> dict[str, Any]:
    """The arguments of a send to Sarah."""
    return {"recipient_id": SARAH, "item_id": EGIFT, **more}


_CHANGED: list[tuple[object, str, object]] = []


def change(thing: object, **facts: object) -> None:
    """Changes a gift, person or send until the test ends: sandboxes share what they begin with."""
    for name, value in facts.items():
        _CHANGED.append((thing, name, getattr(thing, name)))
        object.__setattr__(thing, name, value)


def change_back() -> None:
    """Undoes every `change`, the last one first."""
    while _CHANGED:
        object.__setattr__(*_CHANGED.pop())


def raise_price(sandbox: Sandbox, item_id: str) -> None:
    """Makes a gift 10 USD dearer."""
    gift = next(gift for gift in sandbox.world.gifts() if gift.id == item_id)
    change(gift, price=gift.price + 10)
