"""get_send: where a gift is."""

from __future__ import annotations

from datetime import date, datetime

from mcp.server.mcpserver import Context

from sendoso_mcp.models import Send
from sendoso_mcp.server.answers import Answer, usd_number
from sendoso_mcp.server.arguments import SendId
from sendoso_mcp.server.services import Services, services_of
from sendoso_mcp.server.tools.spec import ToolSpec


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
    """Reads one send."""
    return SendAnswer.of(await services_of(ctx).sendoso.get_send(send_id))


SPEC = ToolSpec(
    fn=get_send,
    title="Track a send",
    description="Status, cost, tracking and expected delivery of one send.",
)
