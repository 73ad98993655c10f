"""The way of a cancellation up to a person's answer; see `sending`, whose way it is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Literal

import anyio
from mcp.server.mcpserver import Context, Elicit, Resolve
from pydantic import BaseModel, Field

from sendoso_mcp.errors import SendosoError
from sendoso_mcp.fields import in_usd
from sendoso_mcp.hygiene import quoted
from sendoso_mcp.models import Send, SendStatus
from sendoso_mcp.server.arguments import SendId
from sendoso_mcp.server.sending import NotAsked, approver_of, asks_in_rounds, can_ask
from sendoso_mcp.server.services import SANDBOX_NOTICE, Services, services_of
from sendoso_mcp.server.states import handed_out_at, says_no
from sendoso_mcp.spending.ledger import OPEN, Cancellation, Facts, Intent, Stage

CANCEL, KEEP = "Cancel it", "Keep it"
TOO_LATE = frozenset({SendStatus.SHIPPED, SendStatus.DELIVERED, SendStatus.FAILED})
"""No person is asked about what Sendoso would not do."""


class CancelConfirmation(BaseModel):
    """The form. Refusal comes first, and there is no default that a client could fill in by itself."""

    decision: Literal["Keep it", "Cancel it"] = Field(title="Your decision")


@dataclass(frozen=True, slots=True)
class CancelPlan:
    """What is to be cancelled: a send, or a wish that waits for a person; neither if a no was taken unseen.

    Attributes:
        question: what a person must decide first; None if policy asks nobody.
        in_chat: whether the question goes to the client.
        put_at, answered: when it was put, and when the call with the answer came; see `sending.Plan`.
        refused: a person's no came with this call; see `sending.Plan`.
    """

    send: Send | None = None
    waiting: Intent | None = None
    question: Cancellation | None = None
    in_chat: bool = False
    put_at: float | None = None
    answered: float | None = None
    refused: bool = False


async def plan_cancel(ctx: Context[Services], *, send_id: SendId) -> CancelPlan:
    """Looks up what this call is about.

    Raises:
        SendosoError: it could not be looked up.
    """
    came = anyio.current_time()
    services = services_of(ctx)
    waiting = await services.guard.standing(send_id)
    if waiting is not None:
        # By the number of its question: a wish, or the send that it became.
        if waiting.attempt is None or waiting.attempt.send_id is None:
            return CancelPlan(waiting=waiting)
        send_id = waiting.attempt.send_id
    answering = asks_in_rounds(ctx) and ctx.request_state is not None
    refused = answering and says_no(ctx, KEEP, came, float(services.guard.policy.approval.read_seconds))
    try:
        send = await services.sendoso.get_send(send_id)
    except SendosoError:
        # A no needs no look-up: the open question about the send is closed with it.
        if refused and await services.guard.keep_send(send_id, approver_of(ctx)):
            return CancelPlan(refused=True)
        raise
    nobody_asked = not (services.guard.policy.approval.ask_to_cancel or refused)
    if send.status in TOO_LATE | {SendStatus.CANCELLED} or nobody_asked:
        return CancelPlan(send)
    question = await services.guard.ask_to_cancel(send_id, _facts(send))
    in_chat = question.stage is Stage.AWAITING and can_ask(ctx) and not question.answer_ignored
    plan = CancelPlan(send, question=question, in_chat=in_chat)
    if refused:
        return replace(plan, in_chat=False, refused=True)
    if not in_chat:
        return plan
    if not answering:
        return replace(plan, put_at=anyio.current_time())
    return replace(plan, put_at=handed_out_at(), answered=came)


async def ask_person_to_cancel(
    ctx: Context[Services], plan: Annotated[CancelPlan, Resolve(plan_cancel)]
) -> Elicit[CancelConfirmation] | NotAsked:
    """Asks the person in the chat, if the cancellation needs a yes and the client can show a form."""
    if plan.question is None or not plan.in_chat:
        return NotAsked()
    lines = ["Cancel this send?"]
    lines += [f"{label}: {quoted(text, longest=300)}" for label, text in plan.question.facts]
    lines.append(f"Question {plan.question.id}")
    if services_of(ctx).sandbox:
        lines.append(SANDBOX_NOTICE)
    return Elicit("\n".join(lines), CancelConfirmation)


async def send_as_of_now(ctx: Context[Services], send: Send) -> Send:
    """The send, looked up again if its question was open since it was.

    Raises:
        SendosoError: it could not be looked up.
    """
    # In rounds it was looked up in this very round, the one with the answer.
    return send if asks_in_rounds(ctx) else await services_of(ctx).sendoso.get_send(send.id)


def is_as_asked(send: Send, question: Cancellation) -> bool:
    """Whether what the person was shown is still so."""
    return _facts(send) == question.facts


def can_be_withdrawn(intent: Intent) -> bool:
    """Whether a wish still waits for a person, or for the call that uses their yes."""
    return intent.state in OPEN


def _facts(send: Send) -> Facts:
    recipient, item = send.recipient, send.item
    facts = [
        ("To", (recipient and (recipient.name or recipient.email)) or "not known"),
        ("Gift", (item and item.name) or "not known"),
        ("Send", send.id),
        ("Status", send.status or "not known"),
    ]
    if send.cost is not None:
        facts.append(("Comes back", in_usd(send.cost)))
    return tuple(facts)
