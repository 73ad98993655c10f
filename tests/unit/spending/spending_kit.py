"""What the tests of `spending/` share: quotes, and a Sendoso in memory that counts orders."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any

import anyio
import anyio.abc
import anyio.lowlevel

from sendoso_mcp.api import Ability
from sendoso_mcp.models import (
    GroupBy,
    InventoryItem,
    ItemType,
    NewRecipient,
    Order,
    Page,
    Recipient,
    Send,
    SendsReport,
    SendStatus,
    TeamBudget,
)
from sendoso_mcp.spending.approval import Approval
from sendoso_mcp.spending.guard import Guard
from sendoso_mcp.spending.quote import Quote, SendRequest

REQUEST = SendRequest("rcp_1", "itm_1")
ADDRESS = {"street1": "1 Main St", "city": "Springfield", "country": "US"}


def item(**facts: Any) -> InventoryItem:
    return InventoryItem.model_validate(
        {"id": "itm_1", "name": "Mug", "type": "swag", "price": 20, "available": True} | facts
    )


def recipient(**facts: Any) -> Recipient:
    return Recipient.model_validate(
        {
            "id": "rcp_1",
            "first_name": "Ann",
            "last_name": "Lee",
            "email": "ann@acme.test",
            "company": "Acme",
            "address": ADDRESS,
        }
        | facts
    )


def budget(remaining: Any = 100) -> TeamBudget:
    return TeamBudget.model_validate({"remaining": remaining})


def quote(
    *,
    gift: InventoryItem | None = None,
    person: Recipient | None = None,
    left: TeamBudget | None = None,
    request: SendRequest = REQUEST,
) -> Quote:
    """A quote that nothing speaks against, save for what is given."""
    order = Order(
        recipient=person or recipient(),
        item=gift or item(),
        message=request.message,
        scheduled_date=request.scheduled_date,
        crm_id=request.crm_id,
        crm_type=request.crm_type,
    )
    return Quote(request=request, order=order, budget=left or budget())


async def error_of(call: Awaitable[object]) -> Exception:
    """What a call fails with; unlike `pytest.raises`, safe to use inside a task group."""
    try:
        await call
    except Exception as error:
        return error
    raise AssertionError("no error")


async def _at_once() -> None:
    """A call that takes no longer than one turn of the event loop."""
    await anyio.lowlevel.checkpoint()


class MemorySendoso:
    """The `Sendoso` port for one gift, one person and one budget.

    `before_*` run inside a call before it answers: they may wait or raise.
    """

    abilities = frozenset(Ability)

    def __init__(self) -> None:
        self.item = item()
        self.recipient = recipient()
        self.budget = budget()
        self.orders: list[Order] = []
        self.answered = 0
        self.before_order: Callable[[], Awaitable[None]] = _at_once
        self.cancelled: list[str] = []
        self.before_cancel: Callable[[], Awaitable[None]] = _at_once
        self.before_read: Callable[[], Awaitable[None]] = _at_once

    async def find_item(self, item_id: str) -> InventoryItem:
        await self.before_read()
        return self.item.model_copy(update={"id": item_id})

    async def list_inventory(
        self, *, type: ItemType | None = None, page: int = 1, per_page: int = 100
    ) -> Page[InventoryItem]:
        raise NotImplementedError

    async def list_recipients(
        self, *, query: str | None = None, page: int = 1, per_page: int = 25
    ) -> Page[Recipient]:
        raise NotImplementedError

    async def get_recipient(self, recipient_id: str) -> Recipient:
        await self.before_read()
        return self.recipient.model_copy(update={"id": recipient_id})

    async def create_recipient(self, new: NewRecipient) -> Recipient:
        raise NotImplementedError

    async def list_sends(
        self,
        *,
        status: SendStatus | None = None,
        start: date | None = None,
        end: date | None = None,
        page: int = 1,
        per_page: int = 25,
    ) -> Page[Send]:
        raise NotImplementedError

    async def get_send(self, send_id: str) -> Send:
        raise NotImplementedError

    async def place_order(self, order: Order) -> Send:
        self.orders.append(order)
        number = len(self.orders)
        await self.before_order()
        self.answered += 1
        return Send(id=f"send_{number}", status="pending")

    async def cancel_send(self, send_id: str) -> None:
        await self.before_cancel()
        self.cancelled.append(send_id)

    async def get_budget(self) -> TeamBudget:
        await self.before_read()
        return self.budget

    async def get_report(self, start: date, end: date, group_by: GroupBy | None = None) -> SendsReport:
        raise NotImplementedError

    async def aclose(self) -> None:
        raise NotImplementedError


def guard_of(sendoso: MemorySendoso, tasks: anyio.abc.TaskGroup) -> Guard:
    return Guard(sendoso, sendoso.find_item, tasks)


def raising(error: Exception) -> Callable[[], Awaitable[None]]:
    async def fail() -> None:
        await anyio.lowlevel.checkpoint()
        raise error

    return fail


def yes(guard: Guard, to: Quote, key: str | None = None) -> Approval:
    return Approval.of(to, question=guard.question(to, key).number, rung="chat_form")
