"""list_sends: sends by status and date."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from mcp.server.mcpserver import Context
from pydantic import BaseModel, Field

from sendoso_mcp.models import SendStatus
from sendoso_mcp.server.answers import Answer, SendRow, usd_number
from sendoso_mcp.server.arguments import Day, Limit, PageNumber, check_period
from sendoso_mcp.server.services import Services, services_of
from sendoso_mcp.server.tools.spec import ToolSpec
from sendoso_mcp.spending.ledger import Intent

_MOST_WAITING = 20


class WaitingRow(BaseModel):
    """A gift that is not ordered: it waits for a person, or `approved` for create_send to be called again."""

    question: str
    status: str
    to: str
    gift: str
    price: float | None = None
    until: datetime

    @classmethod
    def of(cls, wish: Intent) -> WaitingRow:
        """As the ledger has it."""
        order = wish.quote.order
        return cls(
            question=wish.id,
            status=str(wish.state),
            to=order.recipient.name or order.recipient.id,
            gift=order.item.name or order.item.id,
            price=usd_number(wish.quote.price),
            until=wish.expires_at,
        )


class Sends(Answer):
    """One page of sends, and before the first what waits for a person: the newest, of `waiting_total`."""

    waiting: list[WaitingRow] | None = None
    waiting_total: int | None = None
    sends: list[SendRow]
    total: int | None = None
    next_page: int | None = None


async def list_sends(
    ctx: Context[Services],
    *,
    status: SendStatus | None = None,
    start_date: Annotated[Day, Field(description="created on or after")] | None = None,
    end_date: Day | None = None,
    limit: Limit = 10,
    page: PageNumber = 1,
) -> Sends:
    """Lists sends."""
    check_period(start_date, end_date)
    services = services_of(ctx)
    found = await services.sendoso.list_sends(
        status=status, start=start_date, end=end_date, page=page, per_page=limit
    )
    # A status, and days of creation, are of sends that were ordered.
    every = page == 1 and status is None and start_date is None and end_date is None
    waiting = await services.guard.waiting() if every else []
    return Sends(
        waiting=[WaitingRow.of(wish) for wish in waiting[: -_MOST_WAITING - 1 : -1]] or None,
        waiting_total=len(waiting) if len(waiting) > _MOST_WAITING else None,
        sends=[SendRow.of(send) for send in found.items],
        total=found.total,
        next_page=page + 1 if found.has_next else None,
    )


SPEC = ToolSpec(
    fn=list_sends,
    title="List sends",
    description=(
        "Sends by status and creation date (UTC, both ends included). It cannot filter by person: for what "
        "someone got, give start_date and limit 50, read every next_page and compare recipient_id."
    ),
)
