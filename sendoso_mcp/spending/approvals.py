"""The desk where questions wait for a person: over the ledger, for the page, the command and the tools."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from sendoso_mcp.fields import in_usd
from sendoso_mcp.spending.desk import Decision, Question, Ruling, Stand
from sendoso_mcp.spending.ledger import (
    Cancellation,
    Decisions,
    Door,
    Granted,
    Intent,
    Ledger,
    Stage,
    State,
    in_thread,
)
from sendoso_mcp.spending.mailboxes import look_alike
from sendoso_mcp.spending.pin import is_pin
from sendoso_mcp.spending.quote import Quote
from sendoso_mcp.spending.verdict import why

OUTSIDE = "outside_chat"
"""The rung of a yes that was given at the desk."""

_RULINGS = {
    Granted.DONE: Ruling.DONE,
    Granted.CHANGED: Ruling.CHANGED,
    Granted.CLOSED: Ruling.CLOSED,
    Granted.UNKNOWN: Ruling.UNKNOWN,
}
_STANDS = {State.AWAITING_APPROVAL: Stand.WAITING, State.APPROVED: Stand.APPROVED}
_STAGES = {Stage.AWAITING: Stand.WAITING, Stage.APPROVED: Stand.APPROVED}
_ENDED = {
    "replaced": "replaced by a newer question",
    "withdrawn": "withdrawn by the assistant",
    "facts_changed": "overtaken: a fact had changed",
    "nobody_answered": "expired",
    "yes_not_used": "expired before the yes was used",
    "yes_taken_back": "the yes was taken back",
    "person_declined": "refused",
}


class Approvals:
    """A `Desk` over a ledger."""

    def __init__(self, ledger: Ledger, door: Door = Door.PAGE) -> None:
        self.decisions = Decisions(ledger, door)

    async def waiting(self) -> Sequence[Question]:
        """See `Desk.waiting`."""
        sends = await in_thread(self.decisions.waiting)
        cancels = await in_thread(self.decisions.open_cancellations)
        found = [*(about_send(one) for one in sends), *(about_cancel(one) for one in cancels)]
        return sorted(found, key=lambda question: (question.asked_at, question.id))

    async def question(self, question_id: str) -> Question | None:
        """See `Desk.question`."""
        found = await in_thread(self.decisions.question, question_id)
        match found:
            case Intent():
                return about_send(found)
            case Cancellation():
                return about_cancel(found)
            case _:
                return None

    async def approve(self, question_id: str, *, seal: str, pin: str, approver: str) -> Decision:
        """See `Desk.approve`."""
        wrong = await self.check_pin(pin)
        if wrong is not None:
            return wrong
        granted = await in_thread(self.decisions.approve, question_id, seal, rung=OUTSIDE, approver=approver)
        return Decision(_RULINGS[granted])

    async def reject(self, question_id: str, *, seal: str, approver: str) -> Decision:
        """See `Desk.reject`."""
        return Decision(_RULINGS[await in_thread(self.decisions.reject, question_id, seal, approver)])

    async def have_pin(self, make: Callable[[], str]) -> None:
        """Sets a PIN, by its hash, where none is set."""
        if not await in_thread(self.decisions.has_pin):
            await in_thread(lambda: self.decisions.set_first_pin(make(), "sandbox"))

    async def check_pin(self, pin: str) -> Decision | None:
        """None if the PIN is right. Whoever goes on with it must end the try (`Decisions`)."""
        tried = await in_thread(self.decisions.begin_try)
        if not tried.pin_hash:
            return Decision(Ruling.TOO_SOON, tried.wait) if tried.wait else Decision(Ruling.NO_PIN_SET)
        if await in_thread(is_pin, pin, tried.pin_hash):
            return None
        return Decision(Ruling.WRONG_PIN, tried.wait)


def about_send(intent: Intent) -> Question:
    """The question whether a gift may be sent."""
    quote = intent.quote
    stand = _STANDS.get(intent.state, Stand.CLOSED)
    return Question(
        id=intent.id,
        stand=stand,
        lines=facts_of(quote),
        why=tuple(why(ask) for ask in sorted(intent.asks)),
        price=quote.price if quote.price is not None else Decimal(0),
        asked_by=intent.principal,
        asked_at=intent.proposed_at,
        expires_at=intent.expires_at,
        seal=intent.seal,
        ended_as=ended_as(intent) if stand is Stand.CLOSED else "",
    )


def about_cancel(found: Cancellation) -> Question:
    """The question whether a send may be cancelled."""
    stand = _STAGES.get(found.stage, Stand.CLOSED)
    return Question(
        id=found.id,
        stand=stand,
        lines=found.facts,
        why=("Policy wants a person's yes before a send is cancelled.",),
        price=None,
        asked_by=found.principal,
        asked_at=found.asked_at,
        expires_at=found.expires_at,
        seal=found.seal,
        ended_as=str(found.stage) if stand is Stand.CLOSED else "",
    )


def ended_as(intent: Intent) -> str:
    """What became of a question, in a few words."""
    if intent.attempt is not None and intent.attempt.send_id is not None:
        return f"{_words(intent.state)} as {intent.attempt.send_id}"
    return _ENDED.get(intent.reason) or _words(intent.state)


def facts_of(quote: Quote) -> tuple[tuple[str, str], ...]:
    """What a person has to know of a send: labels and texts, which come from outside and are not cleaned."""
    recipient, item, request = quote.order.recipient, quote.order.item, quote.request
    lines = [
        ("To", recipient.name or recipient.id),
        ("Email", recipient.email or "none known"),
        ("Gift", item.name or item.id),
        ("Kind", str(item.type or "unknown").replace("_", " ")),
        ("Company", recipient.company or "not known"),
        ("Message", request.message or "none"),
    ]
    email = recipient.email or ""
    if (warning := look_alike(email)) is not None:
        lines.append(("Letters that can look like others", warning))
    if quote.ships_to is not None:
        lines.append(("Shipped to", quote.ships_to or "no address known"))
    if request.scheduled_date:
        lines.append(("To be sent on", f"{request.scheduled_date:%Y-%m-%d}"))
    if request.crm_id:
        lines.append(("CRM record", request.crm_id))
    if request.crm_type:
        lines.append(("Kind of CRM record", request.crm_type))
    if quote.budget.remaining is not None and quote.budget_after is not None:
        left, after = in_usd(quote.budget.remaining), in_usd(quote.budget_after)
        lines.append(("Team budget when asked", f"{left} left, {after} after this gift"))
    return tuple(lines)


def _words(state: State) -> str:
    return str(state).replace("_", " ")
