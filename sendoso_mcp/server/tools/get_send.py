"""get_send: where a gift is."""

from __future__ import annotations

from datetime import date, datetime

from mcp.server.mcpserver import Context

from sendoso_mcp.models import Send
from sendoso_mcp.server.answers import Answer, usd_number
from sendoso_mcp.server.arguments import SendId
from sendoso_mcp.server.sending import not_known
from sendoso_mcp.server.services import Services, services_of
from sendoso_mcp.server.tools.spec import ToolSpec
from sendoso_mcp.spending.ledger import OPEN, UNSETTLED, Intent, State


class SendAnswer(Answer):
    """All that is known of a send."""

    status: str | None = None
    to: str | None = None
    email: str | None = None
    gift: str | None = None
    type: str | None = None
    message: str | None = None
    cost: float | None = None
    created: datetime | None = None
    updated: datetime | None = None
    estimated_delivery: date | None = None
    tracking_number: str | None = None
    tracking_url: str | None = None
    crm_id: str | None = None
    url: str | None = None
    until: datetime | None = None
    hint: str | None = None

    @classmethod
    def of(cls, send: Send) -> SendAnswer:
        """As Sendoso has it."""
        return cls(
            status=send.status,
            to=send.recipient and send.recipient.name,
            email=send.recipient and send.recipient.email,
            gift=send.item and send.item.name,
            type=send.item and send.item.type,
            message=send.message,
            cost=usd_number(send.cost),
            created=send.created_at,
            updated=send.updated_at,
            estimated_delivery=send.estimated_delivery,
            tracking_number=send.tracking_number,
            tracking_url=send.tracking_url,
            crm_id=send.crm_id,
        )


async def get_send(ctx: Context[Services], send_id: SendId) -> SendAnswer:
    """Reads one send, or a wish by the number of its question."""
    services = services_of(ctx)
    wish = await services.guard.standing(send_id)
    if wish is None:
        return SendAnswer.of(await services.sendoso.get_send(send_id))
    if wish.attempt is not None and wish.attempt.send_id is not None:
        return SendAnswer.of(await services.sendoso.get_send(wish.attempt.send_id))
    return await _of_wish(services, wish)


async def _of_wish(services: Services, wish: Intent) -> SendAnswer:
    order, opened = wish.quote.order, wish.state in OPEN
    way = await services.outside.way(wish.id) if wish.state is State.AWAITING_APPROVAL else None
    hint = way.text if way else None
    if wish.state is State.APPROVED:
        again = services.with_tool("create_send", "call create_send again with the same arguments.")
        hint = f"A person approved it: {again or 'this server is not the one that sends it.'}"
    elif wish.state in UNSETTLED:
        hint = not_known(services, wish.state, wish.id)
    return SendAnswer(
        status=str(wish.state),
        to=order.recipient.name,
        email=order.recipient.email,
        gift=order.item.name,
        type=order.item.type,
        message=order.message,
        url=way and way.url,
        until=wish.expires_at if opened else None,
        hint=hint,
    )


SPEC = ToolSpec(
    fn=get_send,
    title="Track a send",
    description="Status, cost, tracking and expected delivery of one send, or of a question of create_send.",
)
