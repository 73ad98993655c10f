"""The way of a send up to a person's answer: look everything up, judge it, ask.

`plan_send` and `ask_person` are resolvers: the SDK runs them before the tool, and again with the person's
answer where the protocol asks in rounds (2026-07-28). An answer counts only for the very question that was
asked, so if a fact in it changed in between, the person is asked anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import anyio
from mcp.server.mcpserver import Context, Elicit, Resolve
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import BaseModel, Field

from sendoso_mcp.errors import BadArgument, SendosoError
from sendoso_mcp.fields import in_usd
from sendoso_mcp.hygiene import clean_line, quoted
from sendoso_mcp.models import CrmType, ItemType
from sendoso_mcp.server.arguments import (
    CrmId,
    ItemId,
    Key,
    Message,
    RecipientId,
    ScheduledDate,
    check_not_past,
)
from sendoso_mcp.server.services import SANDBOX_NOTICE, Services, services_of
from sendoso_mcp.server.states import handed_out_at, says_no
from sendoso_mcp.spending.ledger import Intent, State, in_thread
from sendoso_mcp.spending.mailboxes import look_alike
from sendoso_mcp.spending.quote import Quote, SendRequest
from sendoso_mcp.spending.settlement import Settlement
from sendoso_mcp.spending.verdict import MUST_APPROVE, Verdict
from sendoso_mcp.tracing import span

SEND, KEEP = "Send it", "Do not send"
_EMAIL_SHOWN = 320
"""Characters: the longest that an address can be (RFC 5321, 64 before the @ and 255 after it)."""
_EMAIL = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+_-]{0,63}@[A-Za-z0-9.-]{1,253}")


class Confirmation(BaseModel):
    """The form. Refusal comes first, and there is no default that a client could fill in by itself."""

    decision: Literal["Do not send", "Send it"] = Field(title="Your decision")


class NotAsked(BaseModel):
    """Stands where an answer would: no question was needed, or none could be shown."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a person is asked about, under a number; put in the same words until it is answered."""

    number: str
    quote: Quote


@dataclass(frozen=True, slots=True)
class Plan:
    """A send that was looked up and judged.

    Attributes:
        intent: what is written down of it, if a person must decide: the open question, or an approved one.
        question: what to ask in the chat, if it can be asked there.
        put_at: when the question that is answered was put, by anyio's clock; another call may have put the
            same one since. None: another server did it, or this one before a restart.
        answered: when the call with the answer to it came, before anything was looked up; None: the answer
            comes while this very call waits for it.
        refused: a person's no came with this call, whatever has changed since they were asked.
    """

    quote: Quote
    verdict: Verdict
    intent: Intent | None = None
    question: Question | None = None
    put_at: float | None = None
    answered: float | None = None
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Repeat:
    """A send that was made before, and what became of it then."""

    settlement: Settlement


async def look_up(ctx: Context[Services], request: SendRequest, key: str | None) -> Plan:
    """Looks up gift, person and budget, and judges the send.

    Raises:
        SendosoError: something could not be looked up.
    """
    guard = services_of(ctx).guard
    quote = await guard.quote(request)
    return Plan(quote, await guard.judge(quote, key))


async def plan_send(
    ctx: Context[Services],
    *,
    recipient_id: RecipientId,
    item_id: ItemId,
    message: Message | None,
    scheduled_date: ScheduledDate | None,
    crm_id: CrmId | None,
    crm_type: CrmType | None,
    idempotency_key: Key | None,
) -> Plan | Repeat:
    """What this call is about: a send to decide on, or one that was made before.

    Raises:
        SendosoError: something could not be looked up, or the key belongs to another send.
    """
    came = anyio.current_time()
    request = SendRequest(recipient_id, item_id, message or None, scheduled_date, crm_id, crm_type)
    guard = services_of(ctx).guard

    position = await guard.start(request, idempotency_key)
    if isinstance(position, Settlement):
        return Repeat(position)
    answering = asks_in_rounds(ctx) and ctx.request_state is not None
    refused = answering and says_no(ctx, KEEP, came, float(guard.policy.approval.read_seconds))
    # Only now: what was ordered then is told also when its day has passed.
    check_not_past(scheduled_date)
    try:
        with span("quote"):
            quote = await guard.quote(request, position)
    except SendosoError:
        # Meanwhile another call with the key may have ordered: then that is the answer, not this error.
        if idempotency_key and (earlier := await guard.recall(idempotency_key, request)) is not None:
            return Repeat(earlier)
        if refused and (taken := await _refuse_unseen(ctx, request, idempotency_key)) is not None:
            return taken
        raise
    with span("approval") as facts:
        try:
            considered = await guard.consider(
                quote, idempotency_key, answering=answering, in_chat=can_ask(ctx)
            )
        except BadArgument:
            if not refused:
                raise
            # Too many questions wait for another one, which a no does not need.
            return Plan(quote, await guard.judge(quote, idempotency_key), refused=True)
        facts["verdict"] = considered.verdict.effect.value
        facts["reasons"] = ",".join(reason.code for reason in considered.verdict.deciding)
        if considered.question is not None:
            facts["intent"] = considered.question.id
    if considered.earlier is not None:
        return Repeat(considered.earlier)
    plan = Plan(quote, considered.verdict, considered.question)
    if refused:
        return replace(plan, refused=True)
    if not _asked_in_chat(plan) or plan.intent is None or not can_ask(ctx):
        return plan
    question = Question(plan.intent.id, plan.intent.quote)
    if not answering:
        return replace(plan, question=question, put_at=anyio.current_time())
    # Not when this server last put it: that may be another form than the one that was answered.
    return replace(plan, question=question, put_at=handed_out_at(), answered=came)


async def _refuse_unseen(ctx: Context[Services], request: SendRequest, key: str | None) -> Repeat | None:
    """Takes a no to the open question about a wish that cannot be looked up now; None if none is open."""
    guard, decisions = services_of(ctx).guard, services_of(ctx).outside.desk.decisions
    for intent in await in_thread(decisions.waiting, guard.principal):
        if (intent.key, intent.digest) == (key, request.digest):
            ordered = await guard.decline(intent.id, intent.quote, key)
            return Repeat(ordered or Settlement(State.DECLINED, declined_at=None if key else decisions.now()))
    return None


def _asked_in_chat(plan: Plan) -> bool:
    """Whether a form is enough, and was not already answered in a way that does not count."""
    intent = plan.intent
    waits = intent is not None and intent.state is State.AWAITING_APPROVAL and not intent.reason
    return waits and not plan.verdict.outside_chat


async def ask_person(
    ctx: Context[Services], plan: Annotated[Plan | Repeat, Resolve(plan_send)]
) -> Elicit[Confirmation] | NotAsked:
    """Asks the person in the chat, if the send needs a yes and the client can show a form."""
    if isinstance(plan, Repeat) or plan.question is None:
        return NotAsked()
    notes = [reason.text for reason in plan.verdict.reasons if reason.code != MUST_APPROVE]
    return Elicit(put(plan.question, notes, sandbox=services_of(ctx).sandbox), Confirmation)


def can_ask(ctx: Context[Services]) -> bool:
    """Whether this client, on this connection, can show a form to a person."""
    capabilities = ctx.client_capabilities
    elicitation = capabilities.elicitation if capabilities else None
    if elicitation is None or (elicitation.form is None and elicitation.url is not None):
        return False
    # Before 2026-07-28 the question is a request of its own, which not every connection can carry.
    return asks_in_rounds(ctx) or ctx.session.can_send_request


def asks_in_rounds(ctx: Context[Services]) -> bool:
    """Whether the question goes back as a result and the answer comes with a second call (2026-07-28)."""
    return ctx.protocol_version in MODERN_PROTOCOL_VERSIONS


def put(question: Question, notes: Iterable[str], *, sandbox: bool) -> str:
    """The question in words. Text from outside is cleaned, cut and quoted, and cannot add a line."""
    quote = question.quote
    recipient, item, budget = quote.order.recipient, quote.order.item, quote.budget
    email = recipient.email or ""
    address = (
        f" <{email}>"
        if _EMAIL.fullmatch(email)
        else f" {quoted(email, longest=_EMAIL_SHOWN)}"
        if email
        else ""
    )
    kind = f" ({ItemType(item.type).replace('_', ' ')})" if item.type in set(ItemType) else ""
    message = quote.order.message
    lines = [
        "Send this gift?",
        f"To: {quoted(recipient.name or recipient.id)}{address}",
        f"Company: {quoted(recipient.company)}" if recipient.company else "Company: not known",
        f"Gift: {quoted(item.name or item.id)}{kind}",
    ]
    if quote.ships_to is not None:
        lines.append(f"Shipped to: {quoted(quote.ships_to or 'no address known', longest=300)}")
    if quote.price is not None:
        lines.append(f"Price: {in_usd(quote.price)}, plus shipping and fees as Sendoso sets them")
    lines.append(f"Message: {quoted(message, longest=500)}" if message else "Message: none")
    if quote.order.scheduled_date:
        lines.append(f"To be sent on: {quote.order.scheduled_date:%Y-%m-%d}")
    if quote.order.crm_id or quote.order.crm_type:
        record = quoted(quote.order.crm_id, longest=200) if quote.order.crm_id else "none named"
        lines.append(f"CRM record: {record}" + (f" ({quote.order.crm_type})" if quote.order.crm_type else ""))
    if budget.remaining is not None and quote.budget_after is not None:
        left, after = in_usd(budget.remaining), in_usd(quote.budget_after)
        lines.append(f"Team budget: {left} left, {after} after this gift")
    if (warning := look_alike(email)) is not None:
        lines.append(f"Note: letters in this email can look like others; {warning}")
    lines += [f"Note: {note}" for note in notes]
    lines.append(f"Question {question.number}")
    if sandbox:
        lines.append(SANDBOX_NOTICE)
    return "\n".join(lines)


def not_known(services: Services, state: State, intent: str) -> str:
    """What to say of an order that was given and whose outcome is not known; `intent` is its number."""
    text = (
        "The order was given to Sendoso and no clear answer came back, so the gift may or may not be on "
        "its way. Do not send it again, and tell the person."
    )
    if state is State.NEEDS_REVIEW:
        text += f" It could not be found for certain: a person settles it with `sendoso-mcp review {intent}`."
        then = f"get_send {intent} tells what they decided."
    else:
        then = f"In a minute look with get_send {intent}, which searches Sendoso for it."
    return f"{text} {services.with_tool('get_send', then)}".rstrip()


async def still_holds(ctx: Context[Services], plan: Plan, key: str | None) -> Plan | None:
    """The plan as of now, or None if a fact that the person saw has changed since they were asked.

    Raises:
        SendosoError: something could not be looked up again.
    """
    if asks_in_rounds(ctx):
        # Everything was looked up in this very round, the one with the answer.
        return plan
    current = await look_up(ctx, plan.quote.request, key)
    return current if current.quote.digest == plan.quote.digest else None


def approver_of(ctx: Context[Services]) -> str:
    """Who says yes in a form, as far as a server can know: whoever sits at this client."""
    client = ctx.session.client_params
    return f"form in {clean_line(client.client_info.name, longest=60)}" if client else "form in the chat"
