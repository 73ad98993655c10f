"""preview_send: what create_send would do, without doing it."""

from __future__ import annotations

from typing import Literal

from mcp.server.mcpserver import Context

from sendoso_mcp.models import CrmType
from sendoso_mcp.server.answers import Answer, Reason, usd_number
from sendoso_mcp.server.arguments import CrmId, FutureDate, ItemId, Key, Message, RecipientId
from sendoso_mcp.server.sending import can_ask, look_up
from sendoso_mcp.server.services import Services
from sendoso_mcp.server.tools.spec import ToolSpec
from sendoso_mcp.spending.policy import Effect
from sendoso_mcp.spending.quote import SendRequest


class Preview(Answer):
    """Price, verdict, what would be left, and how a person would be asked."""

    to: str
    company: str | None = None
    gift: str
    price: float | None = None
    verdict: Effect
    reasons: list[Reason]
    budget_left: float | None = None
    budget_after: float | None = None
    approval: Literal["form_in_chat", "not_possible_in_this_client"] | None = None


async def preview_send(
    ctx: Context[Services],
    *,
    recipient_id: RecipientId,
    item_id: ItemId,
    message: Message | None = None,
    scheduled_date: FutureDate | None = None,
    crm_id: CrmId | None = None,
    crm_type: CrmType | None = None,
    idempotency_key: Key | None = None,
) -> Preview:
    """Prices and judges a send."""
    request = SendRequest(recipient_id, item_id, message or None, scheduled_date, crm_id, crm_type)
    plan = await look_up(ctx, request)
    quote, verdict = plan.quote, plan.verdict
    recipient, item, budget = quote.order.recipient, quote.order.item, quote.budget
    asks = verdict.effect is Effect.ASK
    after = quote.budget_after
    return Preview(
        to=recipient.name or recipient.email or recipient.id,
        company=recipient.company,
        gift=item.name or item.id,
        price=usd_number(quote.price),
        verdict=verdict.effect,
        reasons=[Reason(code=reason.code, text=reason.text) for reason in verdict.deciding],
        budget_left=usd_number(budget.remaining),
        budget_after=usd_number(after) if asks else None,
        approval=("form_in_chat" if can_ask(ctx) else "not_possible_in_this_client") if asks else None,
    )


SPEC = ToolSpec(
    fn=preview_send,
    title="Preview a send",
    description="Price, verdict and budget for a send, without sending. Arguments as for create_send.",
)
