"""What came of an order: its money posted at the real cost, given back, or held until a person decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sendoso_mcp.models import Send
from sendoso_mcp.spending.ledger.book import Book
from sendoso_mcp.spending.ledger.records import Intent, load, to_text
from sendoso_mcp.spending.ledger.states import UNSETTLED, State
from sendoso_mcp.spending.ledger.usage import used
from sendoso_mcp.spending.limits import ENVELOPES, SEND, SENDS, TEAM, YEAR, Bucket, cents

COUNTED = f"({{0}} = '{SENDS}' OR substr({{0}}, 1, {len(ENVELOPES)}) = '{ENVELOPES}')"
"""SQL: whether the bucket of this name counts sends and not cents."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is known of an order that was given. `actor` says who knows it."""

    state: State
    actor: str
    send: Send | None = None
    reason: str = ""


def settle(book: Book, intent_id: str, outcome: Outcome) -> Intent:
    """Writes down what came of an order, at its real cost. What was written before is not written again."""
    intent = book.intent(intent_id)
    if intent.state not in UNSETTLED:
        return intent
    if outcome.state is State.UNKNOWN:
        if intent.state is State.DISPATCHING:
            return book.move(intent, State.UNKNOWN, outcome.actor, reason=outcome.reason)
        return intent
    if outcome.state is State.NEEDS_REVIEW:
        return _needs_review(book, intent, outcome)
    if outcome.state is State.CONFIRMED:
        return _confirm(book, intent, outcome)
    _post(book, intent, "released", 0, sends=0)
    return book.move(intent, outcome.state, outcome.actor, reason=outcome.reason)


def _needs_review(book: Book, intent: Intent, outcome: Outcome) -> Intent:
    if intent.state is State.DISPATCHING:
        intent = book.move(intent, State.UNKNOWN, outcome.actor)
    if intent.state is State.UNKNOWN:
        return book.move(intent, State.NEEDS_REVIEW, outcome.actor, reason=outcome.reason)
    return intent


def _confirm(book: Book, intent: Intent, outcome: Outcome) -> Intent:
    send = outcome.send
    if send is None or intent.attempt is None:
        raise ValueError("a confirmed order has a send")
    if book.session.rows("SELECT 1 FROM attempts WHERE send_id = ? AND intent_id <> ?", send.id, intent.id):
        # Sendoso gave the id of a send that another intent has: then it is not known what became of this one.
        return settle(book, intent.id, Outcome(State.UNKNOWN, outcome.actor, reason="send_of_another_intent"))
    # A paid gift that cost nothing is one whose cost is not known yet: its money must not come back.
    cost = send.cost or intent.attempt.held
    _post(book, intent, "posted", cents(cost), sends=1)
    detail: dict[str, Any] = {"send_id": send.id, "cost": str(cost)}
    passed: list[str] = []
    if cost > intent.attempt.held:
        passed = _passed(book, intent.id)
        detail["overrun"] = str(cost - intent.attempt.held)
        detail["over_limits"] = passed
    book.session.execute(
        "UPDATE attempts SET send_id = ?, send_status = ?, cost_cents = ?, over_limits = ?, settled_at = ? "
        "WHERE intent_id = ?",
        send.id,
        send.status,
        cents(cost),
        " ".join(passed),
        to_text(book.now),
        intent.id,
    )
    book.move(intent, State.CONFIRMED, outcome.actor, reason=outcome.reason, detail=detail)
    return book.intent(intent.id)


def cancelled(book: Book, send_id: str, actor: str) -> Intent | None:
    """Gives the money of a cancelled send back; None if it was not ordered through this ledger."""
    found = load(book.session, "a.send_id = ?", send_id)
    for intent in found:
        if intent.state is State.CONFIRMED:
            # An hour's number of sends is about haste, not about money, and is not given back.
            _post(book, intent, "released", 0, sends=1)
            return book.move(intent, State.CANCELLED, actor)
    return next(iter(found), None)


def _post(book: Book, intent: Intent, kind: str, amount: int, *, sends: int) -> None:
    """Settles the holds: what the next row of the trail says is settled there."""
    kinds, amounts = ("posted" if sends else "released", kind), (sends, amount)
    book.session.execute(
        f"UPDATE buckets SET total = total + CASE WHEN {COUNTED.format('key')} THEN ? ELSE ? END - "  # noqa: S608 - a literal
        "(SELECT h.amount FROM holds h WHERE h.intent_id = ? AND h.bucket = buckets.key) "
        "WHERE key IN (SELECT h.bucket FROM holds h WHERE h.intent_id = ?)",
        *amounts,
        intent.id,
        intent.id,
    )
    counts = f"CASE WHEN {COUNTED.format('bucket')} THEN ? ELSE ? END"
    book.session.execute(
        f"UPDATE holds SET kind = {counts}, amount = {counts}, settled_seq = ? WHERE intent_id = ?",  # noqa: S608 - as above
        *kinds,
        *amounts,
        book.position() + 1,
        intent.id,
    )


def _passed(book: Book, intent_id: str) -> list[str]:
    """The buckets of this intent that have more in them than the limit it was granted under."""
    found = []
    rows = book.session.rows(
        "SELECT bucket, most, used_before + amount FROM holds "  # noqa: S608 - literals
        f"WHERE intent_id = ? AND most IS NOT NULL AND NOT {COUNTED.format('bucket')} ORDER BY bucket",
        intent_id,
    )
    for key, most, with_this in rows:
        since = book.now - YEAR if key.startswith("recipient:") else None
        # The two that are not added up over time: one send by itself, and what the budget did not show.
        now = with_this if key in (SEND.key, TEAM) else used(book.session, [Bucket(key, since)])[key]
        if now > most:
            found.append(key.partition(":")[0])
    return found
