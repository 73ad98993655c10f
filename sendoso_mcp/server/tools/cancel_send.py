"""cancel_send: ends a send that is not yet on its way, or withdraws one that waits for a person."""

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

from sendoso_mcp.api import Ability
from sendoso_mcp.errors import Conflict, OutcomeUnknown
from sendoso_mcp.models import Send, SendStatus
from sendoso_mcp.server.answers import Answer, Reason, not_before, usd_number
from sendoso_mcp.server.arguments import SendId
from sendoso_mcp.server.cancelling import (
    CANCEL,
    TOO_LATE,
    CancelConfirmation,
    CancelPlan,
    ask_person_to_cancel,
    can_be_withdrawn,
    is_as_asked,
    plan_cancel,
    send_as_of_now,
)
from sendoso_mcp.server.outside import seconds_read
from sendoso_mcp.server.sending import NotAsked, approver_of
from sendoso_mcp.server.services import Services, services_of
from sendoso_mcp.server.tools.spec import ToolSpec
from sendoso_mcp.spending.ledger import Cancellation, Stage

NOT_CANCELLED = "Nothing was cancelled."
_CANNOT_ASK = "This client cannot show a person the question."
_IGNORED = "It was answered in the chat before, and that answer did not count."
_TOO_FAST = "It was answered sooner than a person can read it: that answer does not count."
_FACTS_CHANGED = (
    "The send changed while the question was open. Call cancel_send again so that the person sees the new "
    "facts."
)
_PUT_ELSEWHERE = (
    "The question was put by another server, or before this one was restarted, and nobody knows for how long "
    "a person had it before them: the answer does not count here."
)


class CancelOutcome(Answer):
    """What came of it; `refund` is what goes back to the team's budget.

    `question` is what a person decides outside the chat, at `url` if there is one, `until` it expires.
    """

    outcome: Literal[
        "cancelled", "already_cancelled", "withdrawn", "too_late", "unknown", "approval_required", "declined"
    ]
    reasons: list[Reason] | None = None
    refund: float | None = None
    question: str | None = None
    url: str | None = None
    until: datetime | None = None


async def cancel_send(
    ctx: Context[Services],
    *,
    plan: Annotated[CancelPlan, Resolve(plan_cancel)],
    answer: Annotated[ElicitationResult[CancelConfirmation | NotAsked], Resolve(ask_person_to_cancel)],
    send_id: SendId,
) -> CancelOutcome:
    """Cancels a send."""
    services, send, question = services_of(ctx), plan.send, plan.question
    if plan.waiting is not None:
        return await _withdraw(ctx, plan)
    if send is None:
        return _kept()
    if (closed := await _closed(ctx, send)) is not None:
        return closed
    if question is None:
        return await _cancel(ctx, send)
    if plan.refused or not plan.in_chat:
        return await _not_in_chat(ctx, plan, question, send)
    if seconds_read(plan.put_at, plan.answered) < float(services.guard.policy.approval.read_seconds):
        await services.guard.defer_cancellation(question)
        return await _outside(ctx, question, _PUT_ELSEWHERE if plan.put_at is None else _TOO_FAST)
    closed_form = isinstance(answer, CancelledElicitation)
    if closed_form and await services.guard.dismiss_cancellation(question):
        return _reason("declined", "person_dismissed", "The question was closed without an answer.")
    yes = isinstance(answer, AcceptedElicitation) and answer.data == CancelConfirmation(decision=CANCEL)
    if yes or closed_form:
        # Before the yes is used up: if this fails, the question stays open, and nothing was cancelled.
        send = await send_as_of_now(ctx, send)
        if (closed := await _closed(ctx, send)) is not None:
            return closed
        if not is_as_asked(send, question):
            return _reason("approval_required", "facts_changed", _FACTS_CHANGED)
    if closed_form:
        # Somebody said yes outside the chat, while the form was open.
        return await _cancel_as_approved(ctx, send, question)
    if await services.guard.answer_cancellation(question, yes=yes, who=approver_of(ctx)):
        return await _cancel(ctx, send)
    return _no_longer_open() if yes else _kept()


async def _not_in_chat(
    ctx: Context[Services], plan: CancelPlan, question: Cancellation, send: Send
) -> CancelOutcome:
    """What follows from a decision that needs no form, or how a person can make one outside the chat."""
    if plan.refused:
        await services_of(ctx).guard.answer_cancellation(question, yes=False, who=approver_of(ctx))
        return _kept()
    if question.declined_at is not None:
        return _kept_before(question.declined_at)
    if question.stage is Stage.APPROVED:
        return await _cancel_as_approved(ctx, send, question)
    return await _outside(ctx, question, _IGNORED if question.answer_ignored else _CANNOT_ASK)


async def _cancel_as_approved(ctx: Context[Services], send: Send, question: Cancellation) -> CancelOutcome:
    used = await services_of(ctx).guard.use_cancellation(question)
    return await _cancel(ctx, send) if used else _no_longer_open()


async def _closed(ctx: Context[Services], send: Send) -> CancelOutcome | None:
    """What to say of a send that there is nothing to decide about any more."""
    if send.status == SendStatus.CANCELLED:
        # Perhaps by a call that ended before it was written down.
        await services_of(ctx).guard.cancelled(send.id)
        return CancelOutcome(outcome="already_cancelled")
    return _too_late() if send.status in TOO_LATE else None


async def _cancel(ctx: Context[Services], send: Send) -> CancelOutcome:
    try:
        await services_of(ctx).guard.cancel(send.id)
    except Conflict:
        return _too_late()
    except OutcomeUnknown:
        see = services_of(ctx).with_tool("get_send", "See with get_send whether it is cancelled.")
        text = f"No clear answer came back from Sendoso. {see or 'Tell the person.'}"
        return CancelOutcome(outcome="unknown", reasons=[Reason(code="outcome_unknown", text=text)])
    return CancelOutcome(outcome="cancelled", refund=usd_number(send.cost))


async def _withdraw(ctx: Context[Services], plan: CancelPlan) -> CancelOutcome:
    """Takes back a wish that nobody has ordered: no person need decide that."""
    services = services_of(ctx)
    if plan.waiting is None or not can_be_withdrawn(plan.waiting):
        told = services.with_tool("get_send", "; get_send tells what it became")
        return _reason("too_late", "not_open", f"That question is no longer open{told}.")
    if await services.guard.dismiss(plan.waiting.id, "withdrawn") is not None:
        told = services.with_tool("get_send", "; see get_send")
        return _reason("too_late", "ordered", f"The gift was ordered meanwhile{told}.")
    return CancelOutcome(outcome="withdrawn")


async def _outside(ctx: Context[Services], question: Cancellation, why: str) -> CancelOutcome:
    way = await services_of(ctx).outside.way(question.id)
    text = (
        f"A person must say yes before a send is cancelled. {why} {way.text} Tell the person; once they "
        f"approved, call cancel_send again. {NOT_CANCELLED}"
    )
    return CancelOutcome(
        outcome="approval_required",
        reasons=[Reason(code="person_must_approve", text=text)],
        question=question.id,
        url=way.url,
        until=question.expires_at,
    )


def _too_late() -> CancelOutcome:
    return _reason("too_late", "too_late", "The send is already on its way or closed.")


def _kept() -> CancelOutcome:
    return _reason("declined", "person_declined", "The person keeps the send.")


def _kept_before(at: datetime) -> CancelOutcome:
    """A no, which stands for a while."""
    text = (
        f"The person chose to keep this send at {at:%H:%M} UTC, a moment ago, and is not asked again before "
        f"{not_before(at):%H:%M} UTC. Ask for it then only if they changed their mind."
    )
    return _reason("declined", "person_declined_before", text)


def _no_longer_open() -> CancelOutcome:
    return _reason("declined", "not_open", "That question is no longer open. Call again to ask anew.")


def _reason(
    outcome: Literal["too_late", "declined", "approval_required"], code: str, text: str
) -> CancelOutcome:
    return CancelOutcome(outcome=outcome, reasons=[Reason(code=code, text=f"{text} {NOT_CANCELLED}")])


SPEC = ToolSpec(
    fn=cancel_send,
    title="Cancel a send",
    description=(
        "Cancels a send that has not been processed yet, once a person said yes, and gives its cost back; "
        "withdraws a question of create_send."
    ),
    read_only=False,
    destructive=True,
    idempotent=True,
    not_done=NOT_CANCELLED,
    needs=Ability.CANCEL,
)
