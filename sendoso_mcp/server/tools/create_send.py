"""create_send: asks a person, and orders the gift once they said yes."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from mcp.server.mcpserver import (
    AcceptedElicitation,
    CancelledElicitation,
    Context,
    ElicitationResult,
    Resolve,
)

from sendoso_mcp.errors import BadArgument, BudgetExceeded, SendosoError
from sendoso_mcp.fields import in_usd
from sendoso_mcp.models import CrmType
from sendoso_mcp.server.answers import Answer, Reason, not_before, usd_number
from sendoso_mcp.server.arguments import CrmId, ItemId, Key, Message, RecipientId, ScheduledDate
from sendoso_mcp.server.opening import can_open_page, show_page
from sendoso_mcp.server.outside import seconds_read
from sendoso_mcp.server.sending import (
    SEND,
    Confirmation,
    NotAsked,
    Plan,
    Question,
    Repeat,
    approver_of,
    ask_person,
    not_known,
    plan_send,
    still_holds,
)
from sendoso_mcp.server.services import Services, services_of
from sendoso_mcp.server.tools.spec import ToolSpec
from sendoso_mcp.spending.guard import Guard
from sendoso_mcp.spending.ledger import CHAT_FORM, Approval, Refusal, State
from sendoso_mcp.spending.settlement import Settlement
from sendoso_mcp.spending.verdict import Effect, Verdict

NOTHING_ORDERED = "No gift was ordered by this call; nothing was charged for it."
"""Of this call: another one for the same gift may have ordered it, which not every answer can know."""


class SendOutcome(Answer):
    """What came of it. Only `sent` has a send; `unknown` must not be repeated: look with get_send `question`.

    Else `question` is what a person decides outside the chat, at `url` if there is one, `until` it expires.
    """

    outcome: Literal["sent", "approval_required", "declined", "denied", "unknown"]
    reasons: list[Reason] | None = None
    send_id: str | None = None
    status: str | None = None
    cost: float | None = None
    question: str | None = None
    url: str | None = None
    until: datetime | None = None


async def create_send(
    ctx: Context[Services],
    *,
    plan: Annotated[Plan | Repeat, Resolve(plan_send)],
    answer: Annotated[ElicitationResult[Confirmation | NotAsked], Resolve(ask_person)],
    recipient_id: RecipientId,
    item_id: ItemId,
    message: Message | None = None,
    scheduled_date: ScheduledDate | None = None,
    crm_id: CrmId | None = None,
    crm_type: CrmType | None = None,
    idempotency_key: Key | None = None,
) -> SendOutcome:
    """Sends a gift."""
    services = services_of(ctx)
    if isinstance(plan, Repeat):
        return _settled(services, plan.settlement)
    guard, question, intent = services.guard, plan.question, plan.intent
    if plan.refused:
        no = await guard.decline(intent.id if intent else None, plan.quote, idempotency_key)
        return _settled_or(services, no, _not_now("person_declined"))
    if plan.verdict.effect is Effect.DENY:
        return _denied(plan.verdict)
    if plan.verdict.effect is Effect.ALLOW:
        return _result(services, await guard.send(plan.quote, idempotency_key))
    if intent is None or intent.state is State.APPROVED:
        # A person's yes waits in the ledger; the guard uses it up if it is to these facts.
        return _result(
            services, await guard.send(plan.quote, idempotency_key, question=intent.id if intent else None)
        )
    if question is None:
        return await _outside(ctx, plan, idempotency_key, _why_outside(plan))
    if seconds_read(plan.put_at, plan.answered) < float(guard.policy.approval.read_seconds):
        # Nobody can have read it: a client that answers by itself has no say, whatever it says.
        code = "answered_elsewhere" if plan.put_at is None else "answered_too_fast"
        earlier = await guard.defer(intent.id, code)
        return _settled(services, earlier) if earlier else await _outside(ctx, plan, idempotency_key, code)
    if isinstance(answer, CancelledElicitation):
        await guard.dismiss(question.number, "dismissed", frozenset({State.AWAITING_APPROVAL}))
        return await _approved_outside(services, plan, idempotency_key) or _not_now("person_dismissed")
    if not isinstance(answer, AcceptedElicitation) or answer.data != Confirmation(decision=SEND):
        no = await guard.decline(question.number, plan.quote, idempotency_key)
        return _settled_or(services, no, _not_now("person_declined"))
    try:
        current = await still_holds(ctx, plan, idempotency_key)
    except SendosoError:
        earlier = await _used_up(guard, question, idempotency_key, "look_up_failed")
        if earlier is None:
            raise
        return _settled(services, earlier)
    if current is None:
        earlier = await _used_up(guard, question, idempotency_key, "facts_changed")
        return _settled_or(services, earlier, _not_now("facts_changed"))
    approval = Approval(question.quote.digest, CHAT_FORM, approver_of(ctx))
    return _result(
        services,
        await guard.send(current.quote, idempotency_key, question=question.number, approval=approval),
    )


def _why_outside(plan: Plan) -> str:
    if plan.intent is not None and plan.intent.reason:
        return plan.intent.reason
    return "outside_chat_required" if plan.verdict.outside_chat else "client_cannot_ask"


async def _outside(ctx: Context[Services], plan: Plan, key: str | None, code: str) -> SendOutcome:
    """Leaves the question to a person outside the chat, and says how they answer it."""
    services = services_of(ctx)
    guard, outside, intent = services.guard, services.outside, plan.intent
    if intent is None:
        raise ValueError("a question that waits is written down")
    way = await outside.way(intent.id)
    if way.url and can_open_page(ctx):
        await show_page(ctx, intent.id, way.url)
        if (approved := await _approved_outside(services, plan, key)) is not None:
            return approved
        if (now := await guard.standing(intent.id)) and now.state is not State.AWAITING_APPROVAL:
            return _not_now("person_declined" if now.state is State.DECLINED else "facts_changed")
    text = (
        f"{_WHY_OUTSIDE[code]} {way.text} Tell the person; once they approved, call create_send again with "
        f"the same arguments. {NOTHING_ORDERED}"
    )
    return SendOutcome(
        outcome="approval_required",
        reasons=[Reason(code=code, text=text)],
        question=intent.id,
        url=way.url,
        until=intent.expires_at,
    )


async def _approved_outside(services: Services, plan: Plan, key: str | None) -> SendOutcome | None:
    """What follows from a yes to the plan's question outside the chat; None if there is none."""
    now = await services.guard.standing(plan.intent.id) if plan.intent else None
    if now is None or (now.state is not State.APPROVED and now.attempt is None):
        return None
    # If another call used the yes up meanwhile, its order is what is told, and no other is given.
    quote = plan.quote if now.attempt else await services.guard.quote(plan.quote.request)
    return _result(services, await services.guard.send(quote, key, question=now.id))


async def _used_up(guard: Guard, question: Question, key: str | None, reason: str) -> Settlement | None:
    """Closes a question whose yes cannot be followed: it must not order later, when nobody thinks of it.

    What became of the gift, if another call ordered it meanwhile.
    """
    earlier = await guard.dismiss(question.number, reason)
    if earlier is None and key is not None:
        earlier = await guard.recall(key, question.quote.request)
    return earlier


def _settled_or(services: Services, settlement: Settlement | None, otherwise: SendOutcome) -> SendOutcome:
    """What became of a yes that came first, if one did."""
    return otherwise if settlement is None else _settled(services, settlement)


_WHY_OUTSIDE = {
    "client_cannot_ask": "A person must say yes to this gift, and this client cannot show them the question.",
    "outside_chat_required": "Policy wants a gift of this price approved outside the chat.",
    "answered_elsewhere": (
        "The question was put by another server, or before this one was restarted, and nobody knows for how "
        "long a person had it before them: the answer does not count here."
    ),
    "answered_too_fast": (
        "The question in the chat was answered sooner than a person can read it: that answer does not count."
    ),
}
_NOT_NOW = {
    "person_declined": ("declined", "The person said no. Do not ask again unless they want to."),
    "person_declined_before": (
        "declined",
        "The person said no to this idempotency_key before. Use a new one only if they changed their mind.",
    ),
    "person_dismissed": ("declined", "The question was closed without an answer."),
    "facts_changed": (
        "approval_required",
        "The price, gift, recipient or policy changed while the question was open. "
        "Call create_send again so that the person sees the new facts.",
    ),
}


def _not_now(code: str) -> SendOutcome:
    outcome, text = _NOT_NOW[code]
    return SendOutcome.model_validate(
        {"outcome": outcome, "reasons": [{"code": code, "text": f"{text} {NOTHING_ORDERED}"}]}
    )


def _declined(at: datetime) -> SendOutcome:
    """A no to a gift without a key, which stands for a while."""
    text = (
        f"The person said no to this very gift at {at:%H:%M} UTC and is not asked again before "
        f"{not_before(at):%H:%M} UTC. Choose another gift or other words; only if they changed their mind, "
        f"call with an idempotency_key of its own. {NOTHING_ORDERED}"
    )
    return SendOutcome(outcome="declined", reasons=[Reason(code="person_declined_before", text=text)])


def _denied(verdict: Verdict) -> SendOutcome:
    return SendOutcome(outcome="denied", reasons=_reasons(verdict))


def _reasons(verdict: Verdict, *, next_step: str = "") -> list[Reason]:
    return [Reason.of(reason, ending=f"{next_step} {NOTHING_ORDERED}".strip()) for reason in verdict.deciding]


def _result(services: Services, result: Settlement | Refusal) -> SendOutcome:
    if isinstance(result, Settlement):
        return _settled(services, result)
    if result.verdict.effect is Effect.DENY:
        return _denied(result.verdict)
    if result.stale:
        return _not_now("facts_changed")
    # Policy would have asked nobody, and meanwhile something came up that a person has to know.
    again = "Call create_send again to have the person asked."
    return SendOutcome(outcome="approval_required", reasons=_reasons(result.verdict, next_step=again))


def _settled(services: Services, settlement: Settlement) -> SendOutcome:
    """Tells what a dispatch ended as; what the caller can mend is raised."""
    send = settlement.send
    if send is not None and settlement.state in (State.CONFIRMED, State.CANCELLED):
        return SendOutcome(
            outcome="sent",
            send_id=send.id,
            status=send.status,
            cost=usd_number(send.cost),
            reasons=_overrun(settlement),
        )
    if settlement.declined_at is not None:
        return _declined(settlement.declined_at)
    if settlement.state is State.DECLINED:
        return _not_now("person_declined_before")
    if isinstance(settlement.error, BudgetExceeded):
        text = f"{settlement.error} Shipping and fees come on top of the price. {NOTHING_ORDERED}"
        return SendOutcome(outcome="denied", reasons=[Reason(code="over_team_budget", text=text)])
    if settlement.error is not None and settlement.proves_nothing_ordered:
        raise settlement.error
    if settlement.proves_nothing_ordered:
        # Another call closed it, or gave the order and was refused: that one was told the reason.
        raise BadArgument("That question is no longer open. Call create_send again to ask anew.")
    # Unknown, and whatever else proves nothing.
    text = not_known(services, settlement.state, settlement.intent)
    return SendOutcome(
        outcome="unknown",
        reasons=[Reason(code="outcome_unknown", text=text)],
        question=settlement.intent or None,
    )


def _overrun(settlement: Settlement) -> list[Reason] | None:
    if not settlement.over:
        return None
    text = f"It cost {in_usd(settlement.over)} more than the price that policy counted with."
    if settlement.passed:
        text += f" That is over a limit ({', '.join(settlement.passed)}): tell the person."
    return [Reason(code="cost_above_held", text=text)]


SPEC = ToolSpec(
    fn=create_send,
    title="Send a gift",
    description=(
        "Orders a gift: real money. The server itself asks the person to confirm gift and price; you cannot "
        "confirm for them. Call once per gift; repeat only if the answer says so, as once they approved "
        "outside the chat. idempotency_key: your own key for this gift; a repeat with it never orders twice."
    ),
    read_only=False,
    destructive=True,
    idempotent=False,
    open_world=True,
    not_done=NOTHING_ORDERED,
)
