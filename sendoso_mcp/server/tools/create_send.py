"""create_send: asks a person, and orders the gift once they said yes."""

from __future__ import annotations

from typing import Annotated, Literal

from mcp.server.mcpserver import (
    AcceptedElicitation,
    CancelledElicitation,
    Context,
    ElicitationResult,
    Resolve,
)

from sendoso_mcp.errors import BudgetExceeded, SendosoError
from sendoso_mcp.models import CrmType
from sendoso_mcp.server.answers import Answer, Reason, usd_number
from sendoso_mcp.server.arguments import CrmId, FutureDate, ItemId, Key, Message, RecipientId
from sendoso_mcp.server.sending import (
    SEND,
    Confirmation,
    NotAsked,
    Plan,
    Repeat,
    ask_person,
    plan_send,
    still_holds,
)
from sendoso_mcp.server.services import Services, services_of
from sendoso_mcp.server.tools.spec import ToolSpec
from sendoso_mcp.spending.approval import Approval, Question
from sendoso_mcp.spending.guard import Guard, Settlement, State
from sendoso_mcp.spending.policy import Effect, Verdict

NOTHING_ORDERED = "No gift was ordered by this call; nothing was charged for it."
"""Of this call: another one for the same gift may have ordered it, which not every answer can know."""


class SendOutcome(Answer):
    """What came of it. Only `sent` has a send; `unknown` must not be repeated."""

    outcome: Literal["sent", "approval_required", "declined", "denied", "unknown"]
    reasons: list[Reason] | None = None
    send_id: str | None = None
    status: str | None = None
    cost: float | None = None


async def create_send(
    ctx: Context[Services],
    *,
    plan: Annotated[Plan | Repeat, Resolve(plan_send)],
    answer: Annotated[ElicitationResult[Confirmation | NotAsked], Resolve(ask_person)],
    recipient_id: RecipientId,
    item_id: ItemId,
    message: Message | None = None,
    scheduled_date: FutureDate | None = None,
    crm_id: CrmId | None = None,
    crm_type: CrmType | None = None,
    idempotency_key: Key | None = None,
) -> SendOutcome:
    """Sends a gift."""
    if isinstance(plan, Repeat):
        return _settled(plan.settlement)
    guard, request = services_of(ctx).guard, plan.quote.request
    if idempotency_key and (earlier := await guard.recall(idempotency_key, request)) is not None:
        # While this call was looked up or asked about, another one with the key was answered.
        return _settled(earlier)
    if plan.verdict.effect is Effect.DENY:
        return _denied(plan.verdict)
    question = plan.question
    if question is None:
        return _not_now("client_cannot_ask")
    if isinstance(answer, CancelledElicitation):
        return _settled_or(await guard.dismiss(question), _not_now("person_dismissed"))
    if not isinstance(answer, AcceptedElicitation) or answer.data != Confirmation(decision=SEND):
        return _settled_or(await guard.decline(question, idempotency_key), _not_now("person_declined"))
    try:
        current = await still_holds(ctx, plan)
    except SendosoError:
        earlier = await _used_up(guard, question, idempotency_key)
        if earlier is None:
            raise
        return _settled(earlier)
    if current is None or current.verdict.effect is Effect.DENY:
        earlier = await _used_up(guard, question, idempotency_key)
        outcome = _not_now("facts_changed") if current is None else _denied(current.verdict)
        return _settled_or(earlier, outcome)
    approval = Approval.of(current.quote, question=question.number, rung="chat_form")
    return _settled(await guard.send(current.quote, approval, idempotency_key))


async def _used_up(guard: Guard, question: Question, key: str | None) -> Settlement | None:
    """Closes a question whose yes cannot be followed: it must not order later, when nobody thinks of it.

    What became of the gift, if another call ordered it meanwhile.
    """
    earlier = await guard.dismiss(question)
    if earlier is None and key is not None:
        earlier = await guard.recall(key, question.quote.request)
    return earlier


def _settled_or(settlement: Settlement | None, otherwise: SendOutcome) -> SendOutcome:
    """What became of a yes that came first, if one did."""
    return otherwise if settlement is None else _settled(settlement)


_NOT_NOW = {
    "person_declined": ("declined", "The person said no. Do not ask again unless they want to."),
    "person_declined_before": (
        "declined",
        "The person said no to this idempotency_key before. Use a new one only if they changed their mind.",
    ),
    "person_dismissed": ("declined", "The question was closed without an answer."),
    "client_cannot_ask": (
        "approval_required",
        "A person must say yes to every gift, and this client cannot show them the question. "
        "Tell the person: use a client that supports MCP elicitation (the README lists some).",
    ),
    "facts_changed": (
        "approval_required",
        "The price, gift or recipient changed while the question was open. "
        "Call create_send again so that the person sees the new facts.",
    ),
}


def _not_now(code: str) -> SendOutcome:
    outcome, text = _NOT_NOW[code]
    return SendOutcome.model_validate(
        {"outcome": outcome, "reasons": [{"code": code, "text": f"{text} {NOTHING_ORDERED}"}]}
    )


def _denied(verdict: Verdict) -> SendOutcome:
    return SendOutcome(
        outcome="denied",
        reasons=[
            Reason(code=reason.code, text=f"{reason.text} {NOTHING_ORDERED}") for reason in verdict.deciding
        ],
    )


def _settled(settlement: Settlement) -> SendOutcome:
    """Tells what a dispatch ended as; what the caller can mend is raised."""
    if settlement.state is State.CONFIRMED and settlement.send is not None:
        send = settlement.send
        return SendOutcome(outcome="sent", send_id=send.id, status=send.status, cost=usd_number(send.cost))
    if settlement.state is State.DECLINED:
        return _not_now("person_declined_before")
    if isinstance(settlement.error, BudgetExceeded):
        text = f"{settlement.error} Shipping and fees come on top of the price. {NOTHING_ORDERED}"
        return SendOutcome(outcome="denied", reasons=[Reason(code="over_team_budget", text=text)])
    if settlement.error is not None and settlement.proves_nothing_ordered:
        raise settlement.error
    # Unknown, and whatever else proves nothing.
    text = (
        "The order was given to Sendoso and no clear answer came back, so the gift may or may not be on "
        "its way. Do not send it again. Look for it with list_sends, and tell the person."
    )
    return SendOutcome(outcome="unknown", reasons=[Reason(code="outcome_unknown", text=text)])


SPEC = ToolSpec(
    fn=create_send,
    title="Send a gift",
    description=(
        "Orders a gift: real money. The server itself asks the person to confirm gift and price; you cannot "
        "confirm for them. Call once per gift; repeat only if the answer says so. idempotency_key: your own "
        "key for this gift; a repeat with it never orders twice."
    ),
    read_only=False,
    destructive=True,
    idempotent=False,
    open_world=True,
    not_done=NOTHING_ORDERED,
)
