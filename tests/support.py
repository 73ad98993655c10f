"""What integration and end-to-end tests share: a person who answers, and a chat with the server."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
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
from sendoso_mcp.server.services import open_services
from sendoso_mcp.settings import Settings
from sendoso_mcp.spending.policy import Policy

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
        assert isinstance(params, ElicitRequestFormParams)
        self.asked.append(params.message)
        if self.before is not None:
            self.before()
        return self.answer


@dataclass
class Chat:
    """A connected client."""

    client: Client

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
    person: Person | None = None,
    policy: Policy | None = None,
    ledger_url: str | None = None,
    **options: Any,
) -> AsyncIterator[Chat]:
    """A chat with a server of its own on a sandbox, in this process; without a person it cannot ask.

    Without a policy it has the defaults, and without a ledger's URL one of its own, in memory.
    """
    settings = Settings(ledger_url=ledger_url)
    async with open_services(settings, sandbox=sandbox.app, policy=policy) as services:
        server = build_server(services, **options)
        async with Client(server, mode=mode, elicitation_callback=person) as client:
            yield Chat(client)


def sends(sandbox: Sandbox) -> int:
    """How many gifts were ordered in all, cancelled ones too."""
    return len(sandbox.world.sends())


def order(**more: Any) -> dict[str, Any]:
    """The arguments of a send to Sarah."""
    return {"recipient_id": SARAH, "item_id": EGIFT, **more}


def raise_price(sandbox: Sandbox, item_id: str) -> None:
    """Makes a gift 10 USD dearer."""
    gift = next(gift for gift in sandbox.world.gifts() if gift.id == item_id)
    object.__setattr__(gift, "price", gift.price + 10)
