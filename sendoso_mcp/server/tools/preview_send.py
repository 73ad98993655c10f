"""preview_send: what create_send would do, without doing it."""

from __future__ import annotations

from typing import Literal

from mcp.server.mcpserver import Context

from sendoso_mcp.models import CrmType
from sendoso_mcp.server.answers import Answer, LimitAnswer, Reason, usd_number
from sendoso_mcp.server.arguments import (
    CrmId,
    ItemId,
    Key,
    Message,
    RecipientId,
    ScheduledDate,
    check_not_past,
)
from sendoso_mcp.server.sending import can_ask, look_up
from sendoso_mcp.server.services import Services, services_of
from sendoso_mcp.server.tools.spec import ToolSpec
from sendoso_mcp.spending.quote import SendRequest
from sendoso_mcp.spending.verdict import Effect, Verdict


class Preview(Answer):
    """Price, verdict, what is left before this send, and how a person would be asked."""

    to: str
    company: str | None = None
    gift: str
    price: float | None = None
    verdict: Effect
    reasons: list[Reason]
    budget_left: float | None = None
    budget_after: float | None = None
    limits: list[LimitAnswer] | None = None
    approval: Literal["form_in_chat", "outside_chat"] | None = None


async def preview_send(
    ctx: Context[Services],
    *,
    recipient_id: RecipientId,
    item_id: ItemId,
    message: Message | None = None,
    scheduled_date: ScheduledDate | None = None,
    crm_id: CrmId | None = None,
    crm_type: CrmType | None = None,
    idempotency_key: Key | None = None,
) -> Preview:
    """Prices and judges a send."""
    check_not_past(scheduled_date)
    request = SendRequest(recipient_id, item_id, message or None, scheduled_date, crm_id, crm_type)
    plan = await look_up(ctx, request, idempotency_key)
    quote, verdict = plan.quote, plan.verdict
    recipient, item, budget = quote.order.recipient, quote.order.item, quote.budget
    possible = verdict.effect is not Effect.DENY
    return Preview(
        to=recipient.name or recipient.email or recipient.id,
        company=recipient.company,
        gift=item.name or item.id,
        price=usd_number(quote.price),
        verdict=verdict.effect,
        reasons=[Reason.of(reason) for reason in verdict.deciding],
        budget_left=usd_number(budget.remaining),
        budget_after=usd_number(quote.budget_after) if possible else None,
        limits=[LimitAnswer.of(limit) for limit in await services_of(ctx).guard.headroom(quote)],
        approval=_approval(ctx, verdict) if verdict.effect is Effect.ASK else None,
    )


def _approval(ctx: Context[Services], verdict: Verdict) -> Literal["form_in_chat", "outside_chat"]:
    return "form_in_chat" if can_ask(ctx) and not verdict.outside_chat else "outside_chat"


SPEC = ToolSpec(
    fn=preview_send,
    title="Preview a send",
    description="Price, verdict and budget for a send, without sending. Arguments as for create_send.",
)
