"""A Sendoso in memory that counts orders, and a guard on it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import anyio
import anyio.lowlevel
from anyio.abc import TaskGroup
from spending_kit import budget, item, recipient

from sendoso_mcp.api import Ability, Standing
from sendoso_mcp.errors import NotFound
from sendoso_mcp.models import (
    GroupBy,
    InventoryItem,
    ItemRef,
    ItemType,
    NewRecipient,
    Order,
    Page,
    Recipient,
    RecipientRef,
    Send,
    SendsReport,
    SendStatus,
    TeamBudget,
)
from sendoso_mcp.spending.guard import Guard
from sendoso_mcp.spending.ledger import CHAT_FORM, Approval, Intent, Ledger, Refusal
from sendoso_mcp.spending.policy import Policy
from sendoso_mcp.spending.quote import Quote
from sendoso_mcp.spending.settlement import Settlement

Step = Callable[[], Awaitable[None]]


async def at_once() -> None:
    """A call that takes no longer than one turn of the event loop."""
    await anyio.lowlevel.checkpoint()


def raising(error: Exception) -> Step:
    async def fail() -> None:
        await anyio.lowlevel.checkpoint()
        raise error

    return fail


class Held:
    """A call that waits for a word; not for ever, since an order on its way cannot be cancelled."""

    def __init__(self) -> None:
        self.arrived, self.go = anyio.Event(), anyio.Event()

    async def __call__(self) -> None:
        self.arrived.set()
        with anyio.fail_after(5):
            await self.go.wait()


class MemorySendoso:
    """The `Sendoso` port for one gift, one person and one budget.

    The steps run inside a call and may wait or raise: `before_order` before the gift is made, `after_order`
    when it is and the answer is not there yet.
    """

    abilities = frozenset(Ability)
    standing: Standing = "ok"

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.now = now
        self.item = item()
        self.recipient = recipient()
        self.budget = budget()
        self.budgets_to_show: list[bool] = []
        self.cost: Decimal | None = None
        self.sends: list[Send] = []
        self.orders: list[Order] = []
        self.answered = 0
        self.cancelled: list[str] = []
        self.before_order: Step = at_once
        self.after_order: Step = at_once
        self.before_cancel: Step = at_once
        self.before_read: Step = at_once
        self.before_list: Step = at_once

    def made(self, order: Order, **facts: Any) -> Send:
        """A gift that is on its way, whoever ordered it."""
        told = {
            "id": f"send_{len(self.sends) + 1}",
            "status": "pending",
            "recipient": RecipientRef(id=order.recipient.id),
            "item": ItemRef(id=order.item.id),
            "message": order.message,
            "cost": self.cost,
            "created_at": self.now(),
            "crm_id": order.crm_id,
            "crm_type": order.crm_type,
        }
        send = Send.model_validate(told | facts)
        self.sends.append(send)
        return send

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
        assert status is None
        assert start is not None
        assert end is not None
        await self.before_list()
        found = [send for send in self.sends if send.created_at and start <= send.created_at.date() <= end]
        first = (page - 1) * per_page
        return Page(
            items=tuple(found[first : first + per_page]), page=page, per_page=per_page, total=len(found)
        )

    async def get_send(self, send_id: str) -> Send:
        for send in self.sends:
            if send.id == send_id:
                return send
        raise NotFound(f"send {send_id}")

    async def place_order(self, order: Order) -> Send:
        self.orders.append(order)
        await self.before_order()
        send = self.made(order)
        await self.after_order()
        self.answered += 1
        return send

    async def cancel_send(self, send_id: str) -> None:
        await self.before_cancel()
        self.cancelled.append(send_id)

    async def get_budget(self, *, to_show: bool = False) -> TeamBudget:
        self.budgets_to_show.append(to_show)
        await self.before_read()
        return self.budget

    async def get_report(self, start: date, end: date, group_by: GroupBy | None = None) -> SendsReport:
        raise NotImplementedError

    async def aclose(self) -> None:
        raise NotImplementedError


def guard_of(
    sendoso: MemorySendoso,
    tasks: TaskGroup,
    ledger: Ledger,
    *,
    policy: Policy | None = None,
    principal: str = "ann",
) -> Guard:
    """A guard without limits but the team's budget, save for what is given."""
    return Guard(
        sendoso, sendoso.find_item, tasks, ledger=ledger, policy=policy or Policy(), principal=principal
    )


@asynccontextmanager
async def guarding(
    sendoso: MemorySendoso, ledger: Ledger, *, policy: Policy | None = None, principal: str = "ann"
) -> AsyncIterator[Guard]:
    """A guard whose orders have all ended when the block is left."""
    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            yield guard_of(sendoso, tasks, ledger, policy=policy, principal=principal)


async def asked(guard: Guard, to: Quote, key: str | None = None, *, answering: bool = False) -> Intent:
    """The question about a wish that nobody has ordered yet."""
    considered = await guard.consider(to, key, answering=answering)
    assert considered.question is not None, considered
    return considered.question


def yes_to(question: Intent, *, rung: str = CHAT_FORM, **facts: Any) -> dict[str, Any]:
    """A person's yes to a question, as `Guard.send` takes it."""
    told = {"quote_digest": question.quote_digest, "rung": rung, "approver": "Ann"} | facts
    return {"question": question.id, "approval": Approval(**told)}


async def send(guard: Guard, to: Quote, key: str | None = None) -> Settlement:
    """The whole way of a send to which somebody says yes."""
    considered = await guard.consider(to, key)
    if considered.earlier is not None:
        return considered.earlier
    assert considered.question is not None, considered
    return settled(await guard.send(to, key, **yes_to(considered.question)))


def settled(result: Settlement | Refusal) -> Settlement:
    """A result that is no refusal."""
    assert isinstance(result, Settlement), result
    return result


def refused(result: Settlement | Refusal) -> Refusal:
    """A result that is one."""
    assert isinstance(result, Refusal), result
    return result
