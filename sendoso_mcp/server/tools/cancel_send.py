"""cancel_send: ends a send that is not yet on its way."""

from __future__ import annotations

from typing import Literal

from mcp.server.mcpserver import Context

from sendoso_mcp.api import Ability
from sendoso_mcp.errors import Conflict, OutcomeUnknown
from sendoso_mcp.models import SendStatus
from sendoso_mcp.server.answers import Answer, Reason, usd_number
from sendoso_mcp.server.arguments import SendId
from sendoso_mcp.server.services import Services, services_of
from sendoso_mcp.server.tools.spec import ToolSpec


class CancelOutcome(Answer):
    """What came of it; `refund` is what goes back to the team's budget."""

    outcome: Literal["cancelled", "already_cancelled", "too_late", "unknown"]
    reasons: list[Reason] | None = None
    refund: float | None = None


async def cancel_send(ctx: Context[Services], send_id: SendId) -> CancelOutcome:
    """Cancels a send."""
    services = services_of(ctx)
    send = await services.sendoso.get_send(send_id)
    if send.status == SendStatus.CANCELLED:
        # Perhaps by a call that ended before it was written down.
        await services.guard.cancelled(send_id)
        return CancelOutcome(outcome="already_cancelled")
    try:
        await services.guard.cancel(send_id)
    except Conflict:
        text = "The send is already on its way or closed. Nothing was cancelled."
        return CancelOutcome(outcome="too_late", reasons=[Reason(code="too_late", text=text)])
    except OutcomeUnknown:
        text = "No clear answer came back from Sendoso. See with get_send whether it is cancelled."
        return CancelOutcome(outcome="unknown", reasons=[Reason(code="outcome_unknown", text=text)])
    return CancelOutcome(outcome="cancelled", refund=usd_number(send.cost))


SPEC = ToolSpec(
    fn=cancel_send,
    title="Cancel a send",
    description="Cancels a send that has not been processed yet and gives its cost back to the budget.",
    read_only=False,
    destructive=True,
    idempotent=True,
    not_done="Nothing was cancelled.",
    needs=Ability.CANCEL,
)
